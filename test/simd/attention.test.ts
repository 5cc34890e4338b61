import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attention } from '../../kernels/simd/attention.ts';
import { attentionScores } from '../../kernels/simd/attention-scores.ts';
import { attentionValues } from '../../kernels/simd/attention-values.ts';
import { softmax } from '../../kernels/simd/softmax.ts';
import { causalSpan, groupSpan } from '../../src/model/attention.ts';
import { draw } from '../kernels/case.ts';
import { guarded } from './guarded.ts';

const memory = guarded({ pages: 256 });
/** Queries of a unit. */
const CHUNK = 8;

/** Where head h of row r of the queries, keys and values of one projection begins, in float32. */
interface Layout {
  readonly row: number;
  readonly head: number;
  readonly parts: readonly [q: number, k: number, v: number];
}
/** All queries, then all keys, then all values, as in the decoder; or each head's three side by side, as in the encoder. */
const layouts = {
  decoder: (H: number, d: number): Layout => ({ row: 3 * H * d, head: d, parts: [0, H * d, 2 * H * d] }),
  encoder: (H: number, d: number): Layout => ({ row: 3 * H * d, head: 3 * d, parts: [0, d, 2 * d] }),
};

const problems = fc.record({
  layout: fc.constantFrom('decoder' as const, 'encoder' as const),
  H: fc.integer({ min: 1, max: 3 }),
  d: fc.integer({ min: 1, max: 21 }),
  N: fc.integer({ min: 1, max: 90 }),
  groups: fc.integer({ min: 0, max: 3 }),
  seed: fc.nat(0xffff),
  cuts: fc.array(fc.nat(100), { maxLength: 4 }),
});

/** Queries, keys and values of one projection in place; 0 groups stand for a causal mask. */
function compute({
  layout,
  H,
  d,
  N: rows,
  groups,
  seed,
}: { layout: 'decoder' | 'encoder' } & Record<'H' | 'd' | 'N' | 'groups' | 'seed', number>) {
  memory.clear();
  const N = groups === 0 ? rows : groups * Math.ceil(rows / groups);
  const span = groups === 0 ? causalSpan(0, 0, N) : groupSpan(groups, N / groups, N / groups);
  const { row, head, parts } = layouts[layout](H, d);
  const qkv = draw(seed).floats([N, row]).data as Float32Array;
  const from = memory.put(qkv);
  memory.allocate(32); // a tile may read up to 31 bytes beyond the last value
  const C = N + 1;
  const strides = { qRow: 4 * row, qHead: 4 * head, kRow: 4 * row, kHead: 4 * head };
  const valueStrides = { vRow: 4 * row, vHead: 4 * head, yRow: 4 * H * d, yHead: 4 * d };
  const [q, k, v] = parts.map((part) => from + 4 * part);
  const given = {
    q,
    k,
    v,
    span: memory.put(span),
    scratch: memory.allocate(4 * 4 * C * Math.ceil((H * N) / CHUNK)),
    N,
    d,
    C,
    H,
    chunk: CHUNK,
    divisor: Math.sqrt(d),
  };
  return {
    ...given,
    ...strides,
    ...valueStrides,
    qkv,
    spans: span,
    size: N * H * d,
    units: Math.ceil((H * N) / CHUNK),
  };
}

test('attention over a projection in place equals the equation, and its three operations byte for byte', () => {
  fc.assert(
    fc.property(problems, ({ cuts, ...problem }) => {
      const { qkv, spans, size, units, ...given } = compute(problem);
      const { N, d, C, H } = given;
      const [whole, pieces, steps] = [0, 1, 2].map(() => memory.allocate(4 * size));
      memory.run(attention, { ...given, y: whole, start: 0, end: units });

      const edges = [0, ...new Set(cuts.filter((cut) => cut < units).sort((a, b) => a - b)), units];
      for (let i = edges.length - 2; i >= 0; i--) {
        memory.run(attention, { ...given, y: pieces, start: edges[i], end: edges[i + 1] });
      }
      expect(memory.bytes(pieces, 4 * size)).toEqual(memory.bytes(whole, 4 * size));

      const scores = memory.allocate(4 * H * N * C);
      memory.run(attentionScores, { ...given, scores, start: 0, end: H * N });
      memory.run(softmax, { ...given, x: scores, y: scores, start: 0, end: H * N });
      memory.run(attentionValues, { ...given, probabilities: scores, y: steps, start: 0, end: H * N });
      expect(memory.bytes(steps, 4 * size)).toEqual(memory.bytes(whole, 4 * size));

      const { row, head, parts } = layouts[problem.layout](H, d);
      const at = (part: number, r: number, h: number, i: number) => qkv[r * row + h * head + parts[part] + i];
      const y = memory.floats(whole, size);
      for (let h = 0; h < H; h++) {
        for (let r = 0; r < N; r++) {
          const keys = Array.from({ length: spans[2 * r + 1] }, (_, j) => spans[2 * r] + j);
          const logits = keys.map((key) => {
            let dot = 0;
            for (let i = 0; i < d; i++) dot += at(0, r, h, i) * at(1, key, h, i);
            return dot / Math.sqrt(d);
          });
          const top = Math.max(...logits);
          const weights = logits.map((logit) => Math.exp(logit - top));
          const total = weights.reduce((a, b) => a + b);
          for (let i = 0; i < d; i++) {
            const expected = keys.reduce((sum, key, j) => sum + (weights[j] / total) * at(2, key, h, i), 0);
            // Values are within ±1, scores within a few: about the roundings of scores, softmax and values together.
            expect(Math.abs(y[(r * H + h) * d + i] - expected)).toBeLessThan(24 * 2 ** -24);
          }
        }
      }
      memory.clear();
    }),
    { numRuns: 40 },
  );
});

test('what a query does not see cannot touch it: neither infinities nor NaNs', () => {
  const { qkv, spans, size, units, ...given } = compute({ layout: 'decoder', H: 2, d: 12, N: 75, groups: 0, seed: 5 });
  const [before, after] = [memory.allocate(4 * size), memory.allocate(4 * size)];
  memory.run(attention, { ...given, y: before, start: 0, end: units });
  const last = given.q + (given.N - 2) * given.qRow;
  const poison = Float32Array.from({ length: 3 * given.H * 12 }, (_, i) => [Infinity, NaN, -Infinity][i % 3]);
  memory.write(last, new Uint8Array(poison.buffer));
  memory.run(attention, { ...given, y: after, start: 0, end: units });
  const [a, b] = [memory.floats(before, size), memory.floats(after, size)];
  const seen = (given.N - 2) * given.H * 12;
  expect(b.slice(0, seen)).toEqual(a.slice(0, seen));
  expect(b.slice(seen).every(Number.isNaN)).toBe(true);
  memory.clear();
});

test('one query over a cache with an empty rest', () => {
  memory.clear();
  const [H, d, capacity, length] = [2, 8, 40, 33];
  const { floats } = draw(9);
  const cache = (filled: Float32Array) =>
    memory.put(Float32Array.from({ length: capacity * H * d }, (_, i) => (i < length * H * d ? filled[i] : NaN)));
  const [q, k, v] = [floats([1, H * d]), floats([length, H * d]), floats([length, H * d])].map(
    ({ data }) => data as Float32Array,
  );
  const [row, head] = [4 * H * d, 4 * d];
  const y = memory.allocate(row);
  memory.run(attention, {
    q: memory.put(q),
    k: cache(k),
    v: cache(v),
    span: memory.put(Int32Array.of(0, length)),
    y,
    scratch: memory.allocate(4 * 4 * capacity),
    qRow: row,
    qHead: head,
    kRow: row,
    kHead: head,
    vRow: row,
    vHead: head,
    yRow: row,
    yHead: head,
    N: 1,
    d,
    C: capacity,
    H,
    chunk: 4,
    divisor: Math.sqrt(d),
    start: 0,
    end: 1,
  });
  for (const [i, value] of memory.floats(y, H * d).entries()) {
    const h = Math.floor(i / d);
    const weights = Array.from({ length }, (_, j) => {
      let dot = 0;
      for (let e = h * d; e < h * d + d; e++) dot += q[e] * k[j * H * d + e];
      return Math.exp(dot / Math.sqrt(d));
    });
    const total = weights.reduce((a, b) => a + b);
    expect(value).toBeCloseTo(
      weights.reduce((sum, weight, j) => sum + (weight / total) * v[j * H * d + i], 0),
      6,
    );
  }
  memory.clear();
});
