import { join, relative } from 'node:path';
import { parseConfig } from '../architecture/config.ts';
import { readText } from '../checkpoint/file-source.ts';
import { openConfig } from '../checkpoint/folder.ts';
import { columns } from '../columns.ts';
import { InputError } from '../error.ts';
import { parseJson } from '../fields.ts';
import { ROOT } from '../shipped.ts';
import { priceStages } from '../train/price.ts';
import type { Options } from './options.ts';
import { bold, dim, print, thousands } from './terminal.ts';

const LARGEST_CONFIG = 2 ** 20;
/** An A100's peak in bfloat16 (NVIDIA's data sheet), and the share of it that training runs reach. */
const A100 = { operations: 312e12, share: 0.4 };

/** `qvl train --price`: what the paper's stages cost, for the published model or that of --model. */
export async function printPrice(words: readonly string[], options: Options): Promise<void> {
  const KNOWN = ['price', 'model', 'debug'];
  const other = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (other || words.length > 0) {
    throw new InputError(
      other ? `--${other}` : words[0],
      'it is not for --price, which trains nothing',
      'leave it out',
    );
  }
  const path = join(ROOT, 'golden', 'published', 'config.json');
  const config =
    options.model === undefined
      ? parseConfig(parseJson(await readText(path, LARGEST_CONFIG), path), path)
      : await openConfig(options.model);
  print(bold(`${relative('', options.model ?? path)}: the stages of the paper`));
  const rows = (await priceStages(config)).map((price) => {
    const { stage, recipe, tokens, pictures, trained, operations, allOperations, weightBytes, sequenceBytes } = price;
    const seconds = allOperations / (A100.operations * A100.share);
    return [
      ...[
        stage,
        `${thousands(recipe.steps)} × ${thousands(recipe.batch)}`,
        `${tokens}, ${pictures}`,
        thousands(trained),
      ],
      ...[
        thousands(operations, 'FLOP'),
        allOperations.toExponential(1),
        thousands(weightBytes, 'B'),
        thousands(sequenceBytes, 'B'),
      ],
      Math.round(seconds / 86_400).toLocaleString('en'),
    ];
  });
  const head = [
    'stage',
    'steps × batch',
    'tokens, pictures',
    'trained',
    'a sequence',
    'FLOP in all',
    'weights',
    'a sequence',
    'A100 days',
  ];
  for (const line of columns([head, ...rows])) print(`  ${line}`);
  print(
    dim(
      `  weights: with gradients and both moments, float32; a sequence: what it takes beside them, blocks running again on the way back; A100 days: at ${100 * A100.share} % of its peak in bfloat16`,
    ),
  );
}
