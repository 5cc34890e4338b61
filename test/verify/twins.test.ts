import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import type { Fingerprint } from '../../src/verify/full-size/fingerprint.ts';
import { readFingerprints } from '../../src/verify/full-size/stored-fingerprints.ts';
import { openGolden } from '../../src/verify/golden.ts';
import { measure } from '../../src/verify/metrics.ts';
import { budgets } from '../../src/verify/tolerances.ts';
import { fingerprintOf } from '../export/fingerprint.ts';

const FLOAT64 = Array.from({ length: 1000 }, (_, i) => Math.sin(i));
const FLOAT32 = FLOAT64.map((value, i) => value + 1e-7 * Math.sin(7 * i));
const IDS = Int32Array.of(5, 6, 7);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-twins-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, kept: Fingerprint, ids: unknown = [...IDS], tap = 'x'): Promise<string> {
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify({ taps: { [tap]: kept, _input: { ids } } }));
  return path;
}

describe('fingerprints with a float64 twin', () => {
  const ours = Float32Array.from(FLOAT64);
  const float32 = fingerprintOf('x', [10, 100], FLOAT32);
  const float64 = fingerprintOf('x', [10, 100], FLOAT64);

  test("tell distances in units of PyTorch's own rounding", async () => {
    const files = [await write('f32', float32), await write('f64', float64)] as const;
    const { nmse, exact } = await (await readFingerprints(...files, IDS)).get('x')!.measure(ours);
    expect(nmse).toBeGreaterThan(1e-15);
    expect(exact!.ours).toBeLessThan(1e-14 * 0.1); // rounded once
    expect(exact!.pytorch / 1e-14).toBeCloseTo(1, 0);
    expect(exact!.ratio).toBe(exact!.ours / exact!.pytorch);
    expect((await (await readFingerprints(files[0], undefined, IDS)).get('x')!.measure(ours)).exact).toBeUndefined();

    const faulty = ours.slice();
    faulty[float32.index.includes(501) ? 502 : 501] += 5; // no sample meets it
    expect((await (await readFingerprints(...files, IDS)).get('x')!.measure(faulty)).exact!.ratio).toBeGreaterThan(1e6);
  });

  test('of scores compare the samples that both have', async () => {
    const score = (at: number) => [at, FLOAT32[at]];
    const files = [
      await write('top32', { ...float32, top: [score(3), score(4)] } as Fingerprint),
      await write('top64', { ...float64, top: [score(4), score(5)] } as Fingerprint),
    ] as const;
    const { exact } = await (await readFingerprints(...files, IDS)).get('x')!.measure(ours);
    expect(exact!.ratio).toBeLessThan(0.1);
  });

  test('are exact where PyTorch is: what our own sums lose is no distance', async () => {
    const weights = Array.from({ length: 10_000 }, (_, i) => Math.fround(1 + 0.1 * Math.sin(i)));
    const kept = fingerprintOf('x', [weights.length], weights);
    const rounded = { ...kept, mean: kept.mean * (1 + 2e-16), l2: kept.l2 * (1 + 3e-16), std: kept.std * (1 - 1e-15) };
    const files = [await write('w32', rounded), await write('w64', rounded)] as const;
    const { exact } = await (await readFingerprints(...files, IDS)).get('x')!.measure(Float32Array.from(weights));
    expect(exact).toEqual({ ours: 0, pytorch: 0, ratio: 0 });
  });

  test.each([
    ['other ids', [5, 6], undefined, 'of another prompt'],
    ['no ids', undefined, undefined, 'of another prompt'],
    ['another shape', [...IDS], { shape: [100, 10] }, '"x" is of another tensor'],
    ['other samples', [...IDS], { index: float64.index.map((at) => at ^ 1) }, '"x" is of another tensor'],
  ])('are refused with %s', async (_, ids, change, message) => {
    const path = await write('sound', float32);
    const twin = await write('twin', { ...float64, ...change }, ids ?? null);
    await expect(readFingerprints(path, twin, IDS)).rejects.toThrow(message);
  });
});

describe('a float64 twin that tells its inputs', () => {
  const file = (ids: bigint[], pixel: number) => {
    const pixels = new Float32Array(12).fill(pixel);
    return memorySource(
      writeSafetensors(
        new Map([
          ['input.ids', { dtype: 'int64', shape: [1, ids.length], data: BigInt64Array.from(ids) }],
          ['input.pixels', { dtype: 'float32', shape: [1, 3, 2, 2], data: pixels }],
          ['transformer.wte', { dtype: 'float64', shape: [1, 1, 2], data: Float64Array.of(1, 2) }],
        ]),
      ),
      'file',
    );
  };

  test('is of the same prompt and pictures', async () => {
    const { taps } = await openGolden(file([1n, 2n], 3), file([1n, 2n], 3));
    expect((await taps.get('transformer.wte')!.measure(Float32Array.of(1, 2))).exact?.ours).toBe(0);
    for (const other of [file([1n, 3n], 3), file([1n], 3), file([1n, 2n], 4)])
      await expect(openGolden(file([1n, 2n], 3), other)).rejects.toThrow(
        'of another prompt, other pictures or other tokens',
      );
  });
});

describe('what a twin allows', () => {
  const tap = (pytorch: number, name = 'x', shape = [1]): TapMeasurement => {
    const exact = { ours: 0, pytorch, ratio: 0 };
    return { name, shape, operations: [], place: '', nmse: 0, metrics: measure([1], [1]), exact };
  };

  test('is no less than what two roundings are, unless PyTorch was exact', () => {
    const allowed = (pytorch: number) => budgets([tap(pytorch)], 'cpu', 'trained')(tap(pytorch)).nmse;
    expect(allowed(0)).toBe(0);
    expect(allowed(2e-15)).toBe(4e-15); // a LayerNorm of exact numbers; float64 rounded once for reading is 4e-16
    expect(allowed(1e-14)).toBe(2 ** -47);
    expect(allowed(1e-13)).toBe(0.1 * 1e-13);
  });

  test('for the scores of one token is what the noisiest row or tap tells, not their own', () => {
    const taps = [
      tap(5e-13, 'transformer.h.0'),
      tap(1e-13, 'logits', [1, 2, 8]),
      tap(1e-15, 'logits', [1, 1, 8]), // an answer's: of the last token alone
      tap(1e-15, 'decode.0.logits', [1, 1, 8]),
      tap(1e-13, 'transformer.ln_f', [1, 1, 8]), // of one token, but no scores
    ];
    const budgetOf = budgets(taps, 'simd', 'trained');
    expect(taps.map((each) => budgetOf(each).nmse)).toEqual([5e-13, 1e-13, 4 * 5e-13, 4 * 5e-13, 1e-13]);
    // Where a row of the scores was noisier still, that is what single rows are judged by; all of them together are not.
    const exact = { ...taps[1].exact!, worstRow: 7e-12 };
    const judged = budgets([...taps, { ...taps[1], exact }], 'simd', 'trained');
    expect(taps.map((each) => judged(each).nmse)).toEqual([5e-13, 1e-13, 7e-12, 7e-12, 1e-13]);
  });
});
