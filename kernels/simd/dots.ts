import { type Func, func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, v128 } from '../../tensor/wasm/instructions.ts';
import { at, WORD } from './address.ts';
import { sumsAcross } from './lanes.ts';

const parameters = {
  q: 'i32',
  qRow: 'i32',
  k: 'i32',
  kRow: 'i32',
  d: 'i32',
  scores: 'i32',
  scoresRow: 'i32',
  divisor: 'f32',
} as const;

/**
 * A tile of scores: the dot products of `rows` queries and `keys` keys, both read where they lie. A lane takes every
 * fourth term, and the four lanes are added at the end; four queries and two keys fill the register budget as the tile
 * of the product does (tile.ts): 8 sums + 4 q + 2 k + 1 product = 15.
 *
 * Parameters: `q`, `k` the first query and key of one head, `qRow`, `kRow` bytes between rows; `d` terms; `scores` the
 * first score, `scoresRow` bytes between the scores of two queries; `divisor`.
 */
export const dots = (rows: number, keys: number): Func<typeof parameters> =>
  func(`dots_${rows}x${keys}`, parameters, (code, p) => {
    const q = Array.from({ length: rows }, (_, row) => code.let(at(p.q, row, p.qRow)));
    const k = Array.from({ length: keys }, (_, key) => code.let(at(p.k, key, p.kRow)));
    const sums = q.map(() => k.map(() => code.let(f32x4.const(0))));

    /** One step for all terms up to `end`; a single term stands in the first lane, with 0 in the others. */
    const steps = (load: typeof v128.load, terms: number, end: ReturnType<typeof at>): void => {
      const last = code.let(end);
      code.if(i32.lt_u(q[0], last), () =>
        code.loop((again) => {
          const left = q.map((pointer) => code.let(load(pointer)));
          const right = k.map((pointer) => code.let(load(pointer)));
          for (const [row, query] of left.entries()) {
            for (const [key, sum] of sums[row].entries()) code.set(sum, code.multiplyAdd(query, right[key], sum));
          }
          for (const pointer of [...q, ...k]) code.set(pointer, i32.add(pointer, terms * WORD));
          code.branchIf(again, i32.lt_u(q[0], last));
        }),
      );
    };
    steps(v128.load, 4, at(p.q, i32.and(p.d, -4)));
    steps(v128.load32_zero, 1, at(p.q, p.d));

    const to = q.map((_, row) => code.let(at(p.scores, row, p.scoresRow)));
    const divisor = code.let(f32x4.splat(p.divisor));
    for (let first = 0; first < rows * keys; first += 4) {
      const group = sums.flat().slice(first, first + 4);
      const scores = code.let(f32x4.div(sumsAcross(code, group), divisor));
      for (const lane of group.keys()) {
        const [row, key] = [Math.floor((first + lane) / keys), (first + lane) % keys];
        code.run(v128.store32_lane(to[row], scores, lane, key * WORD));
      }
    }
  });
