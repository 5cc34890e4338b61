import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { GPU_RUNGS } from '../../bench/ladder/gpu.ts';
import type { Measurement } from '../../bench/ladder/measure.ts';
import { type LadderResult, page, type RungResult } from '../../bench/ladder/page.ts';
import { checkResult, samples } from '../../bench/ladder/reference.ts';
import type { Prepared, Problem, Rung } from '../../bench/ladder/rung.ts';
import { startRung } from '../../bench/ladder/rung-process.ts';
import { RUNGS } from '../../bench/ladder/rungs/index.ts';
import { codeOf, declaration, regionOf } from '../../bench/ladder/source.ts';
import { roundToBfloat16, widenBfloat16 } from '../../tensor/dtype.ts';
import { draw } from '../kernels/case.ts';

function problem(M: number, K: number, N: number, seed: number): Problem {
  const { floats } = draw(seed);
  const data = (...shape: number[]) => floats(shape).data as Float32Array;
  return { M, K, N, x: data(M, K), w: widenBfloat16(roundToBfloat16(data(N, K))), bias: data(N) };
}

/** @param sizes of `problem`, of which K and N are rounded up to what the rung can pack */
async function check(rung: Rung, ...[M, K, N, seed]: Parameters<typeof problem>): Promise<void> {
  const packed = (size: number) => Math.ceil(size / (rung.multiple ?? 1)) * (rung.multiple ?? 1);
  const given = problem(M, packed(K), packed(N), seed);
  const prepared: Prepared = await rung.prepare(given, 2);
  try {
    await prepared.run();
    await prepared.run(); // a second run must not see what the first one left
    const y = await prepared.result();
    checkResult(
      rung,
      { ...given, w: prepared.w ?? given.w },
      y,
      Array.from({ length: given.M * given.N }, (_, i) => i),
    );
  } finally {
    await prepared.close?.();
  }
}

const size = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 }));
const shapes = fc.record({
  M: size,
  K: fc.oneof(size, fc.integer({ min: 250, max: 300 })),
  N: size,
  seed: fc.nat(0xffff),
});

// GPU.js compiles, and a device starts its workers, for every problem.
const slow = ({ name }: Rung): boolean => /gpu-js|threads|relaxed|int4/.test(name);

test.each(RUNGS.map((rung) => [rung.name, rung] as const))('%s equals float64 on ragged shapes', async (_, rung) => {
  await check(rung, 1, 67, 130, 1);
  await check(rung, 7, 259, 33, 2);
  await fc.assert(
    fc.asyncProperty(shapes, ({ M, K, N, seed }) => check(rung, M, K, N, seed)),
    { numRuns: slow(rung) ? 3 : 20 },
  );
});

test('results are shared out over GPU.js’s workers only from 4,096 threads on', async () => {
  const rung = RUNGS.find(({ name }) => name.endsWith('gpu-js-threads'))!;
  await check(rung, 65, 5, 255, 3);
});

test('a wrong result is found wherever it is sampled', () => {
  const given = problem(3, 50, 20, 4);
  const y = Float64Array.from({ length: 60 }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < 50; k++) sum += given.x[Math.floor(i / 20) * 50 + k] * given.w[(i % 20) * 50 + k];
    return sum;
  });
  const rung = { name: 'rung' };
  checkResult(rung, given, y, samples(3, 20));
  for (const index of samples(3, 20)) {
    const wrong = y.slice();
    wrong[index] += 1e-3;
    expect(() => checkResult(rung, given, wrong, samples(3, 20))).toThrow(`rung: y[${Math.floor(index / 20)},`);
    wrong[index] = Number.NaN;
    expect(() => checkResult(rung, given, wrong, samples(3, 20))).toThrow('is NaN');
  }
  expect(() => checkResult(rung, given, y.subarray(1), [])).toThrow('59 results, expected 60');
});

test('a rung runs in a process of its own, and its failure comes back', async () => {
  const rung = startRung(RUNGS.at(-1)!);
  const stranger = startRung({ ...RUNGS[0], name: '00-nowhere' });
  try {
    await Promise.all([
      rung.prepare({ M: 3, K: 64, N: 32 }, 2),
      expect(stranger.prepare({ M: 1, K: 1, N: 1 }, 1)).rejects.toThrow('00-nowhere'),
    ]);
    expect(await rung.run()).toBeGreaterThan(0);
  } finally {
    rung.close();
    stranger.close();
  }
});

/** Rung i takes 1/(i + 1) of the first one's time. */
const synthetic = (i: number, rows: number): Measurement => {
  const median = (rows * 100) / (i + 1);
  const timing = { median, least: median * 0.9, most: median * 1.2, runs: 5 };
  return { rows, timing, rate: i + 1, roof: 2 * (i + 1), machine: 40 };
};

const result: LadderResult = {
  date: '2000-01-02',
  machine: { processor: 'Abacus', cores: 2, memory: 1, system: 'wood', node: '20.0.0', v8: '11.3' },
  threads: 2,
  best: 'fused',
  K: 64,
  N: 32,
  rungs: RUNGS.map(
    ({ name, instructions, threads }, i): RungResult => ({
      name,
      instructions,
      threads: threads === 'all' ? 2 : 1,
      prefill: synthetic(i, i % 2 === 0 ? 28 : 280),
      decode: synthetic(i, 1),
    }),
  ),
};

test('the page has every rung: in both tables and charts, and a section that its row leads to', async () => {
  const codes = Object.fromEntries(await Promise.all(RUNGS.map(async (rung) => [rung.name, await codeOf(rung)])));
  const text = page(result, RUNGS, codes);
  expect(text).toContain('2000-01-02: Abacus, 2 cores');
  const headings = [...text.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual(RUNGS.map(({ title }, i) => `${i + 1}. ${title}`));
  for (const [i, { title, prediction, why, name }] of RUNGS.entries()) {
    const rows = text.split('\n').filter((line) => line.startsWith(`| [${title}](#${i + 1}-`));
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain(`| ${i % 2 === 0 ? 28 : 280} |`);
    for (const row of rows) {
      expect(row).toContain('| 50 % |');
      if (i > 0) expect(row.endsWith(`| ${Number(((i + 1) / i).toPrecision(2))} × |`)).toBe(true);
    }
    expect(text.split('\n').filter((line) => line.startsWith(`${title} `) && /[▏▎▍▌▋▊▉█]/.test(line))).toHaveLength(2);
    for (const part of [prediction, why, ...codes[name].flat(), `../bench/ladder/rungs/${name}.ts`]) {
      expect(part.length).toBeGreaterThan(10);
      expect(text).toContain(part);
    }
  }
});

test('the page marks what a processor rendered in place of a GPU, and says why there is nothing', () => {
  const timing = { median: 4, least: 3, most: 5, runs: 3 };
  const device = { compute: 3.5, upload: null, readBack: 0.25, launches: 1 };
  const rung = {
    name: 'webgpu',
    title: 'WebGPU',
    prediction: 'Fast.',
    why: 'It is.',
    code: 'return sum;',
    shader: { language: 'wgsl', text: '@compute fn main() {}' },
    adapter: 'SwiftShader',
    softwareRendered: true,
    runs: [{ product: 'prefill', M: 70, K: 1000, N: 20, timing, device }],
  } as const;
  const codes = Object.fromEntries(RUNGS.map(({ name }) => [name, []]));
  const software = page({ ...result, gpu: [rung] }, RUNGS, codes);
  expect(software).toContain('**Rendered in software.**');
  expect(software).toContain(
    '| WebGPU | prefill | 70 × 1000 → 20 | 4.00 | 3.00 – 5.00 | 0.700 | 3.50 | – | 0.250 | software (SwiftShader) |',
  );
  for (const part of [rung.prediction, rung.why, rung.code, rung.shader.text]) expect(software).toContain(part);
  const hardware = page({ ...result, gpu: [{ ...rung, adapter: 'Abacus 9', softwareRendered: false }] }, RUNGS, codes);
  expect(hardware).toContain('| Abacus 9 |');
  expect(hardware).not.toContain('software');
  expect(page({ ...result, gpu: { unavailable: 'no Chromium' } }, RUNGS, codes)).toContain('no Chromium.');
  expect(page(result, RUNGS, codes)).not.toContain('## In a browser');
});

test('rungs are in order, each in the file of its name, with a prediction after the first', async () => {
  expect(RUNGS.map(({ name }) => Number(name.slice(0, 2)))).toEqual(RUNGS.map((_, i) => i + 1));
  for (const [i, rung] of RUNGS.entries()) {
    const file: { rung: Rung } = await import(`../../bench/ladder/rungs/${rung.name}.ts`);
    expect(file.rung).toBe(rung);
    expect(rung.predicted !== undefined).toBe(i > 0);
  }
});

test('a region is cut out, and so is a declaration, whatever is inside', () => {
  expect(() => regionOf('const x = 1;')).toThrow('#region kernel');
  expect(regionOf('a\n// #region kernel\nb\n\n// #endregion\nc')).toBe('b');

  const source = [
    'const two = 2;',
    'export const one = () => {',
    '  if (x) {',
    '    y: 1',
    '',
    '  }',
    '};',
    '',
    'function last() {',
    '}',
  ].join('\n');
  expect(declaration(source, 'one')).toBe('export const one = () => {\n  if (x) {\n    y: 1\n\n  }\n};');
  expect(declaration(source, 'y')).toBe('y: 1');
  expect(declaration(source, 'two')).toBe('const two = 2;');
  expect(declaration(source, 'last')).toBe('function last() {\n}');
  expect(() => declaration(source, 'tw')).toThrow('nothing declares tw');
});

test('every rung of a GPU shows its kernel', async () => {
  for (const { name } of GPU_RUNGS) {
    const source = await readFile(new URL(`../../bench/ladder/gpu-rungs/${name}.ts`, import.meta.url), 'utf8');
    expect(regionOf(source)).toMatch(/kernel|workgroup/);
  }
});
