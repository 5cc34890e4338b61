import { join, relative } from 'node:path';
import { openFile } from '../checkpoint/file-source.ts';
import type { FileSource } from '../checkpoint/files.ts';
import { InputError } from '../error.ts';
import { readPicture } from '../input/picture/read-picture.ts';
import type { Model } from '../model/qwen-vl.ts';
import { quote } from '../quote.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { compareGolden } from '../verify/compare.ts';
import { openGolden } from '../verify/golden.ts';
import { judge } from '../verify/tolerances.ts';
import { ask, openSystemFor } from './ask.ts';
import type { Options } from './options.ts';
import { answerOptions } from './sampling.ts';
import { bold, dim, print } from './terminal.ts';

const QUESTIONS = [
  { picture: 'scene-1.png', question: 'What is in the picture?' },
  { picture: 'scene-2.png', question: '框出图中苹果的位置' },
  { picture: 'scene-2.png', question: 'How many buses are there?' },
];

/** The main job: the shipped checkpoint looks at two pictures and answers, and its activations are checked. */
export async function runDemo(words: string[], options: Options): Promise<void> {
  if (words.length > 0) throw new InputError('qvl demo', `${quote(words[0])} is too much`, 'see "qvl help"');
  answerOptions(options); // bad input is known before any work starts
  const opened = await openSystemFor({ ...options, model: SHIPPED_MODEL });
  try {
    for (const { picture, question } of QUESTIONS) {
      const path = join(SHIPPED_MODEL, 'pictures', picture);
      print('');
      print(`${dim(relative('', path))}  ${bold(question)}`);
      await ask(opened, [path], [await readPicture(path)], question, options);
    }
    opened.report.enter('check');
    const line = await check(opened.system.model);
    opened.report.end();
    print(line);
  } finally {
    await opened.close();
  }
}

/** Compares every activation of one prompt with the original's, and says how far the worst is. */
async function check(model: Model): Promise<string> {
  const files: FileSource[] = [];
  try {
    for (const ending of ['safetensors', 'f64.safetensors']) {
      files.push(await openFile(join(SHIPPED_MODEL, 'activations', `describe.${ending}`)));
    }
    const results = await compareGolden(model, await openGolden(files[0], files[1]));
    const excess = judge(results, model.device.name, 'trained');
    if (excess.length > 0) {
      process.exitCode = 1;
      const names = excess.map(({ name }) => name).join(', ');
      return `check failed: ${excess.length} of ${results.length} taps are too far from the original: ${names}`;
    }
    const [worst] = results
      .flatMap(({ name, exact }) => (exact ? [{ name, ratio: exact.ratio }] : []))
      .sort((a, b) => b.ratio - a.ratio);
    return `checked: ${results.length} taps, worst ${worst.ratio.toFixed(2)} × PyTorch's own rounding (${worst.name})`;
  } finally {
    for (const file of files) await file.close();
  }
}
