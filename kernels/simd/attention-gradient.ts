import type { Recipe } from '../../tensor/simd/recipe.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, WORD, words } from './address.ts';
import { attentionScores } from './attention-scores.ts';
import { attentionValues } from './attention-values.ts';
import { headsApart, headsWithin, splitHeads } from './heads.ts';
import { softmax, softmaxGradient } from './softmax.ts';
import { tile, tileShapes } from './tile.ts';
import { PANEL } from './weight-types.ts';

/** Query rows that go through all of it together: 2 · 32 · C float32 of scratch for a head, so a second-level cache holds 1024 keys. */
const QUERY_BLOCK = 32;

/**
 * `attentionGradient`: dq, dk and dv below each other in y, a head a unit, the heads from `start` to `end`.
 *
 * A block of queries whose keys begin at the same row goes through the scores, the probabilities p, dp = dy·vᵀ and
 * ds = p ⊙ (dp − Σ p·dp) / divisor, a matrix of queries × keys of the block and not of all; then dq = ds·k, and what the block adds to
 * dk = dsᵀ·q and dv = pᵀ·dy. One head is the work of one thread, so its sums have one order.
 *
 * Rows of q, dy and y are `row` bytes apart, heads d float32; those of k and v `kRow` and `kHead`. Each head has 2 · QUERY_BLOCK · C
 * float32 of `scratch`.
 */
export const attentionGradient = func(
  'attentionGradient',
  {
    q: 'i32',
    k: 'i32',
    v: 'i32',
    span: 'i32',
    dy: 'i32',
    y: 'i32',
    scratch: 'i32',
    row: 'i32',
    kRow: 'i32',
    kHead: 'i32',
    N: 'i32',
    M: 'i32',
    d: 'i32',
    C: 'i32',
    divisor: 'f32',
    start: 'i32',
    end: 'i32',
  },
  (code, { q, k, v, span, dy, y, scratch, row, kRow, kHead, N, M, d, C, divisor, start, end }) => {
    const line = code.let(words(C));
    const block = code.let(i32.mul(line, QUERY_BLOCK));
    code.for(start, end, 1, (head) => {
      const [qs, dys, dqs] = [q, dy, y].map((rows) => code.let(at(rows, head, words(d))));
      const [ks, vs] = [k, v].map((rows) => code.let(at(rows, head, kHead)));
      const dks = code.let(at(dqs, N, row));
      const dvs = code.let(at(dks, M, row));
      code.for(0, i32.mul(M, 2), 1, (key) => code.run(memory.fill(at(dks, key, row), 0, words(d))));
      const p = code.let(at(scratch, i32.mul(head, 2), block));
      const ds = code.let(i32.add(p, block));
      forBlocks(code, span, N, ({ first, count, key, most }) => {
        // The kernels number items from those of head 0 on: the block's are `first` to `last`, and its results begin at p and at ds.
        const last = code.let(i32.add(first, count));
        const [before, beforeDs] = [p, ds].map((to) => code.let(i32.sub(to, i32.mul(first, line))));
        const rows = { qRow: row, qHead: 0, kRow, kHead: 0 };
        const range = { N, C, start: first, end: last };
        code.call(attentionScores, { q: qs, k: ks, span, scores: before, ...rows, d, divisor, ...range });
        code.call(softmax, { x: before, span, y: before, ...range });
        code.call(attentionScores, { q: dys, k: vs, span, scores: beforeDs, ...rows, d, divisor: 1, ...range });
        code.call(softmaxGradient, { y: before, dy: beforeDs, span, dx: beforeDs, divisor, ...range });
        const values = { vRow: kRow, vHead: 0, yRow: row, yHead: 0 };
        code.call(attentionValues, { probabilities: beforeDs, v: ks, span, y: dqs, ...values, d, ...range });
        const shared = { line, row, d, keys: most, count };
        code.call(addKeys, { x: ds, w: at(qs, first, row), y: at(dks, key, row), ...shared });
        code.call(addKeys, { x: p, w: at(dys, first, row), y: at(dvs, key, row), ...shared });
      });
    });
  },
);

/** Query rows whose keys begin at the same row, `count` of them from `first` on. */
interface Block {
  readonly first: Local<'i32'>;
  readonly count: Local<'i32'>;
  /** The first key. */
  readonly key: Local<'i32'>;
  /** The most keys that one of them sees. */
  readonly most: Local<'i32'>;
}

/** Visits the N query rows of a head, as many together as begin with the same key, at most QUERY_BLOCK. */
function forBlocks(code: Code, span: Local<'i32'>, N: Local<'i32'>, body: (block: Block) => void): void {
  const count = code.let(i32.const(0));
  code.for(0, N, count, (first) => {
    const entry = code.let(at(span, first, 2 * WORD));
    const key = code.let(i32.load(entry));
    const most = code.let(i32.const(0));
    code.set(count, 0);
    code.block((done) =>
      code.loop((again) => {
        const own = code.let(at(entry, count, 2 * WORD));
        code.branchIf(done, i32.sub(i32.load(own), key));
        const seen = code.let(i32.load(own, WORD));
        code.if(i32.lt_u(most, seen), () => code.set(most, seen));
        code.set(count, i32.add(count, 1));
        code.branchIf(again, i32.and(i32.lt_u(count, QUERY_BLOCK), i32.lt_u(i32.add(first, count), N)));
      }),
    );
    body({ first, count, key, most });
  });
}

/** y[m] += Σᵢ x[i, m] · w[i] for the keys m < `keys` and the `count` query rows of a block: a matrix product of x down its columns. */
const addKeys = func(
  'addKeys',
  { x: 'i32', w: 'i32', y: 'i32', line: 'i32', row: 'i32', d: 'i32', keys: 'i32', count: 'i32' },
  (code, { x, w, y, line, row, d, keys, count }) => {
    const [[most]] = tileShapes(code);
    /** Keys that are computed together, at `key`. */
    const add = (together: number, key: Local<'i32'>): void =>
      code.for(0, d, PANEL, (column) =>
        code.call(tile('float32', together, 1, 'down columns'), {
          x: at(x, key),
          xRow: WORD,
          xStep: line,
          w: at(w, column),
          wPanel: PANEL * WORD,
          wStep: row,
          y: at(at(y, key, row), column),
          yRow: row,
          depth: count,
          columns: i32.sub(d, column),
          add: 1,
          bias: 0,
          lane: 0,
        }),
      );
    const rest = code.let(i32.rem_u(keys, most));
    const whole = code.let(i32.sub(keys, rest));
    code.for(0, whole, most, (key) => add(most, key));
    for (let few = 1; few < most; few++) code.if(i32.eq(rest, few), () => add(few, whole));
  },
);

/**
 * `attentionKeys`: y[m, h] = Σᵢ p[h, i, m − first(i)] · q[i, h] over the query rows that see key m, a head a unit, the heads from `start`
 * to `end`: the same, from probabilities that lie in memory. Those of a block are copied, zeros beyond what each row sees: a head has
 * QUERY_BLOCK · most float32 of `scratch`, `most` at least C.
 */
export const attentionKeys = func(
  'attentionKeys',
  {
    probabilities: 'i32',
    q: 'i32',
    span: 'i32',
    y: 'i32',
    scratch: 'i32',
    row: 'i32',
    N: 'i32',
    M: 'i32',
    d: 'i32',
    C: 'i32',
    most: 'i32',
    start: 'i32',
    end: 'i32',
  },
  (code, { probabilities, q, span, y, scratch, row, N, M, d, C, most, start, end }) => {
    const [given, line] = [C, most].map((columns) => code.let(words(columns)));
    code.for(start, end, 1, (head) => {
      const [qs, ys] = [q, y].map((rows) => code.let(at(rows, head, words(d))));
      const ps = code.let(at(probabilities, i32.mul(head, N), given));
      const copies = code.let(at(scratch, i32.mul(head, QUERY_BLOCK), line));
      code.for(0, M, 1, (key) => code.run(memory.fill(at(ys, key, row), 0, words(d))));
      forBlocks(code, span, N, ({ first, count, key, most: keys }) => {
        code.for(0, count, 1, (i) => {
          const own = code.let(i32.add(first, i));
          const seen = code.let(words(i32.load(at(span, own, 2 * WORD), WORD)));
          const copy = code.let(at(copies, i, line));
          code.run(memory.copy(copy, at(ps, own, given), seen));
          code.run(memory.fill(i32.add(copy, seen), 0, i32.sub(line, seen)));
        });
        const places = { x: copies, w: at(qs, first, row), y: at(ys, key, row) };
        code.call(addKeys, { ...places, line, row, d, keys, count });
      });
    });
  },
);

/** At least so many float32, an odd number of cache lines: rows a power of two apart would meet in one set of a first-level cache. */
const inOddLines = (columns: number): number => 16 * (Math.ceil(columns / 16) | 1);

export const recipes: readonly Recipe[] = [
  {
    op: 'attentionGradient',
    kernels: [attentionGradient, splitHeads],
    run(host, [q, k, v, span, dy], { H, N, M, d, C: mostKeys, divisor }, y) {
      const C = inOddLines(mostKeys);
      const scratch = host.temporary(4 * 2 * QUERY_BLOCK * C * H);
      const { row } = headsWithin(q, { H, d });
      const [keys, values] = [k, v].map((each) => headsApart(host, each, { M, H, d }));
      const places = { q: q.at, k: keys.at, v: values.at, span: span.at, dy: dy.at, y: y.at, scratch };
      const strides = { row, kRow: keys.row, kHead: keys.head };
      host.run(attentionGradient, { ...places, ...strides, N, M, d, C, divisor }, H, 10 * H * N * C * d);
    },
  },
  {
    op: 'attentionKeys',
    kernels: [attentionKeys],
    run(host, [span, probabilities, q], { H, N, M, d, C }, y) {
      const most = inOddLines(C);
      const scratch = host.temporary(4 * QUERY_BLOCK * most * H);
      const places = { probabilities: probabilities.at, q: q.at, span: span.at, y: y.at, scratch };
      host.run(attentionKeys, { ...places, row: 4 * H * d, N, M, d, C, most }, H, 2 * H * N * C * d);
    },
  },
];
