import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { openConfig } from '../../src/checkpoint/folder.ts';
import { passOf } from '../../src/explorer/engine/pass.ts';
import { sourceKey } from '../../src/explorer/engine/source-key.ts';
import { stationsOf } from '../../src/explorer/engine/station.ts';
import { firstSentence } from '../../src/explorer/page/walk/sources.ts';
import { findSources, type Sources } from '../../src/explorer/sources.ts';
import { plainInputs } from '../../src/verify/taps.ts';

let sources: Sources;
beforeAll(async () => {
  sources = await findSources();
});

/** The function around a station's line. */
const around = (station: string) => sources.functions[sources.lines[station].within!];

test('what is shown of the sources stands in them, line by line', async () => {
  for (const { file, line, code } of Object.values(sources.lines)) {
    expect((await readFile(file, 'utf8')).split('\n')[line - 1].trim()).toBe(code);
  }
  for (const { file, line, name, text } of sources.functions) {
    expect(text.split('\n')[0], name).toContain(name);
    expect(
      (await readFile(file, 'utf8'))
        .split('\n')
        .slice(line - 1)
        .join('\n'),
    ).toContain(text);
  }
});

test('every station of any model has its line and its operation', async () => {
  const config = await openConfig('golden/published');
  const inputs = plainInputs(config, config.seq_length + 1);
  const pass = await passOf({ config, weights: {} }, inputs);
  const stations = stationsOf(pass, config, { images: 1, tokens: inputs.ids.length });
  const made = stations.filter(({ made }) => made);
  expect(made.length).toBeGreaterThan(1500);
  expect(made.filter(({ name }) => !sources.lines[sourceKey(name)]).map(({ name }) => name)).toEqual([]);
  expect(made.filter(({ made }) => sources.operations[made!.operation] === undefined)).toEqual([]);
});

test('a line is in the function that it stands in, arrow functions too', () => {
  expect(around('transformer.spliced').name).toBe('embedTokens');
  expect(around('transformer.visual').name).toBe('projectFeatures');
  expect(around('transformer.visual').text).toMatch(/^export const projectFeatures = [\s\S]*proj\)\);\n {2}\}\);$/);
  expect(around('transformer.h.N.mlp.w2').text).toMatch(/^function decoderMlp\([\s\S]*\n\}$/);
});

test('an operation has its kernels', () => {
  const { kernels } = sources.functions[sources.operations.layerNorm];
  expect(kernels!.map(({ name }) => name)).toEqual(['rowMean', 'inverseDeviation', 'normalize']);
  expect(kernels![2].text).toMatch(/^const normalize = function \([\s\S]*bias\[0\]\[this\.thread\.x\];\n\};$/);
  const linear = sources.functions[sources.operations.linear].kernels!;
  expect(linear[0].text).toMatch(/^const rowByRow = parallel\(function[\s\S]*\n\}\);$/);
});

test('a sentence ends where a full stop does, and not in code, brackets or an abbreviation of digits', () => {
  expect(firstSentence('`y = x.z`, with (Keys et al. 1981, eq. 2.1) and\n1.5 of it. Then more.')).toBe(
    '`y = x.z`, with (Keys et al. 1981, eq. 2.1) and 1.5 of it.',
  );
  expect(firstSentence('Without an end\n\n@param x')).toBe('Without an end');
});
