import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openConfig } from '../../src/checkpoint/folder.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import type { GoldenInputs } from '../../src/verify/golden.ts';
import { listTaps, plainInputs, type TapInfo } from '../../src/verify/taps.ts';
import { goldenAnswer } from '../answers.ts';

const ROOT = new URL('../../', import.meta.url);

/** The golden whose prompt is spelled out. */
const GOLDEN = 'describe';

/** ACTIVATIONS.md: one prompt in literal ids, and every activation of it, from the null device. */
export async function activationsPage(): Promise<string> {
  const [shipped, published] = [await openConfig('golden/picture-book'), await openConfig('golden/published')];
  const { prompt_ids: ids, query, pictures } = goldenAnswer(GOLDEN);
  const words = ids.length - shipped.visual.n_queries;
  const small = await listTaps(shipped, withSteps(plainInputs(shipped, ids.length), ids));
  const length = published.visual.n_queries + words;
  const large = await listTaps(published, withSteps(plainInputs(published, length)));
  return `# The activations

Every activation that has a name, in the order of the computation: what \`qvl verify\` compares, \`qvl trace\` records, \`qvl explain NAME\` tells more of, and
\`qvl inspect --taps\` lists for any configuration. This page is generated from the shapes of a pass; a test keeps it equal to the code (\`UPDATE_DOCS=1 npx vitest run test/docs\` writes
it anew).

## One prompt

The question of the golden [${GOLDEN}](golden/picture-book/answers.json): \`${query.replace('\n', '\\n')}\` about [${pictures[0]}](golden/picture-book/pictures/${pictures[0]}), as the small checkpoint reads it, ${ids.length}
tokens. \`⏎\` is a newline, \`·\` a space. The ${shipped.visual.n_queries} rows between \`<img>\` and \`</img>\` give way to the picture's.

\`\`\`
${await spelled(ids)}
\`\`\`

## The list

A shape is that of PyTorch's module: *small* for the prompt above, *published* for the same words with a picture of ${published.visual.n_queries} rows, ${length} tokens. Blocks that are alike
are listed once, as \`i\`. *Made by* is the operation of [kernels/](kernels) that computes it; a table comes from the host. *Where* is the line that names it. There is one more in each decoder block where the prompt is longer
than \`seq_length\`: \`attn.q_logn\`, the queries after log-n. A step of decoding runs the decoder's activations again, of one token each, of which the scores are kept.

| name | small | published | made by | where |
| --- | --- | --- | --- | --- |
${rows(small, large).join('\n')}
`;
}

/** With one step of decoding; and the prompt's own ids, of which the null device reads where the picture stands. */
const withSteps = (inputs: GoldenInputs, ids?: readonly number[]): GoldenInputs => ({
  ...inputs,
  ...(ids ? { ids: Int32Array.from(ids) } : {}),
  tokens: new Int32Array(1),
});

/** Each id with its text; one line for a run of the same. */
async function spelled(ids: readonly number[]): Promise<string> {
  const tokenizer = createTokenizer(await readFile('golden/picture-book/qwen.tiktoken', 'utf8'), 'qwen.tiktoken');
  const { names, endOfText } = tokenizer.special;
  const text = (id: number): string =>
    names[id - endOfText] ?? tokenizer.binary(id)!.replaceAll('\n', '⏎').replaceAll(' ', '·');
  const parts: { id: number; count: number }[] = [];
  for (const id of ids) {
    const last = parts.at(-1);
    if (last?.id === id) last.count++;
    else parts.push({ id, count: 1 });
  }
  const cells = parts.map(({ id, count }) => `${`${id} ${text(id)}${count > 1 ? ` × ${count}` : ''}`.padEnd(20)}`);
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += 6)
    lines.push(
      cells
        .slice(i, i + 6)
        .join('')
        .trimEnd(),
    );
  return lines.join('\n');
}

/** Rows of the table: blocks that differ in their number alone are one. */
function rows(small: readonly TapInfo[], large: readonly TapInfo[]): string[] {
  const published = new Map(large.map((tap) => [tap.name, tap.shape]));
  const told = new Map<string, string>();
  for (const tap of small) {
    const cells = [shapeText(tap.shape), shapeText(published.get(tap.name)!), `\`${tap.madeBy}\``, placeOf(tap)].join(
      ' | ',
    );
    const numbered = tap.name.replace(/\b(resblocks|h|decode)\.\d+/, '$1.i');
    if ((told.get(numbered) ?? cells) !== cells) throw new Error(`${tap.name} is not as in the other blocks`);
    told.set(numbered, cells);
  }
  return [...told].map(([name, cells]) => `| \`${name}\` | ${cells} |`);
}

const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function placeOf({ calledAt }: TapInfo): string {
  const [, at, line] = /^(.*):(\d+)$/.exec(calledAt ?? '')!;
  const file = relative(fileURLToPath(ROOT), at.startsWith('file:') ? fileURLToPath(at) : at);
  return `[${file.split('/').at(-1)}:${line}](${file}#L${line})`;
}
