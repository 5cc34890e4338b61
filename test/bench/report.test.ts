import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Row } from '../../bench/bench.ts';
import { inTurns, summary } from '../../bench/measure.ts';
import { checkSamples, sampledIndices, weightData, xData } from '../../bench/product-data.ts';
import { type BenchReport, compareLines, readReport } from '../../bench/report.ts';
import { line } from '../../bench/table.ts';
import { reached, targets } from '../../bench/targets.ts';

const timing = (median: number) => ({ median, least: median, most: median, runs: 1 });
const row = (times: Record<string, number>): Row => ({
  section: 'products',
  name: '280×4096→4096',
  operations: 9.4e9,
  bytes: 76e6,
  limit: 'arithmetic',
  timings: Object.fromEntries(Object.entries(times).map(([name, time]) => [name, timing(time)])),
});
const report = (rows: Row[]): BenchReport => ({
  date: '2026-01-01',
  machine: { processor: 'p', cores: 2, memory: 8, system: 's', node: '20', v8: '11' },
  threads: 2,
  peers: {},
  roofs: [],
  rows,
  targets: [],
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-bench-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('medians, of odd and of even numbers of runs', () => {
  expect(summary([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3, runs: 3 });
  expect(summary([4, 1, 2, 3]).median).toBe(2.5);
});

test('subjects take turns, and the first runs do not count', async () => {
  const log: string[] = [];
  const subject = (name: string) => ({ name, run: async () => log.push(name) });
  const [a] = await inTurns([subject('a'), subject('b')], 3);
  expect(log.join('')).toBe('ababababab');
  expect(a).toMatchObject({ runs: 3, least: 5 });
});

test('ratios and targets: what a row is measured against', () => {
  const measured = row({ simd: 100, 'simd, 1 thread': 190, 'onnxruntime-web': 140, roof: 85 });
  const found = Object.fromEntries(targets([measured], undefined).map((each) => [each.name.split(': ')[1], each]));
  expect(found['× onnxruntime-web'].found).toBeCloseTo(1.4);
  expect(reached(found['× onnxruntime-web'])).toBe(false);
  expect(reached(found['share of the roof'])).toBe(true);
  expect(reached(found['two threads × one'])).toBe(true);
  expect(found['× tfjs']).toBeUndefined(); // it was not measured
  expect(line(measured)).toMatch(/94\.0 GFLOP\/s.* 85 % of arithmetic.*1\.40 × onnxruntime-web/);
});

test('a report is compared with an earlier one, also as shares of the roof', async () => {
  const path = join(folder, 'old.json');
  await writeFile(path, JSON.stringify(report([row({ simd: 200, roof: 100 })])));
  const lines = compareLines(report([row({ simd: 100, roof: 100 })]), await readReport(path));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('2.00 × as fast, 2.00 × in shares of the roof');
});

test.each([
  '',
  '{',
  '[]',
  '{"machine":{},"rows":[{}]}',
  '{"machine":{},"rows":[{"name":"x","timings":{"simd":1}}]}',
])('%j is no report', async (text) => {
  const path = join(folder, 'bad.json');
  await writeFile(path, text);
  await expect(readReport(path)).rejects.toThrow(path);
});

test('samples of a product are checked against float64: one wrong element is found', () => {
  const shape = { M: 3, K: 40, N: 9 };
  const [x, w] = [xData(shape), weightData(shape)];
  const samples = sampledIndices(shape).map((index) => {
    const [m, n] = [Math.floor(index / 9), index % 9];
    let sum = 0;
    for (let k = 0; k < 40; k++) sum += x[m * 40 + k] * w[n * 40 + k];
    return Math.fround(sum);
  });
  checkSamples('right', shape, samples);
  samples[17] += 1e-3;
  expect(() => checkSamples('wrong', shape, samples)).toThrow(/^wrong: \[/);
});
