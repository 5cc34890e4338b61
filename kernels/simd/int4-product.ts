import { PER_WORD } from '../../tensor/int4.ts';
import type { Host } from '../../tensor/simd/bank.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, select, v128 } from '../../tensor/wasm/instructions.ts';
import { at, WORD, words } from './address.ts';
import { emitStep, GROUP_BYTES, INT4_PARAMETERS, int4Places, panelOf, widenInt4 } from './int4.ts';
import { ACTIVATION, emitProduct, K_BLOCK, PRODUCT_PARAMETERS, SCRATCH, unitsOf } from './product.ts';
import { PANEL } from './weight-types.ts';

/** Terms that one sum takes before it is added to its total: as in tile.ts, so that the same bytes come out. */
const SUM_BLOCK = 32;

/**
 * One row times a matrix in 4 bits, as in decoding: `y = x · Wᵀ + bias`.
 *
 * A step takes 32 bytes and gives 64 weights, each with a shift, a mask, a conversion, and two multiply-adds of four lanes: one makes the
 * weight, the other uses it. So arithmetic is the limit, not memory.
 *
 * ```
 * word   q7 q6 q5 q4 q3 q2 q1 q0    << 28 − 4j    q_j 0 …       & 0xf0000000, convert    (q_j − 8) · 2²⁸    · scale + offset    weight
 * ```
 *
 * Sums run as in tile.ts: in blocks of 32 terms within blocks of 256.
 *
 * Parameters: `x` `[K]`, the parts of the matrix (int4.ts), `bias` `[N]` or 0, `y` `[N]`; the panels from `start` to `end` are computed.
 */
export const int4Row = {
  8: row(8),
  1: row(1),
};

function row(step: 8 | 1) {
  return func(
    `row_int4_${step}`,
    { ...INT4_PARAMETERS, x: 'i32', bias: 'i32', y: 'i32', K: 'i32', start: 'i32', end: 'i32' },
    (code, { x, bias, y, K, start, end, ...p }) => {
      code.for(start, end, 1, (panel) => {
        const place = panelOf(p, panel, K);
        code.call(dots[step], {
          ...{ words: place.words, scales: place.scales, group: p.groups, x, K },
          bias: select(i32.eq(bias, 0), bias, at(bias, panel, PANEL * WORD)),
          y: at(y, panel, PANEL * WORD),
        });
      });
    },
  );
}

/** Eight results. A function of its own, which V8 replaces by its optimised code at the next call. */
const dots = { 8: dotsOf(8), 1: dotsOf(1) };

function dotsOf(step: 8 | 1) {
  return func(
    `dots_int4_${step}`,
    { words: 'i32', scales: 'i32', group: 'i32', x: 'i32', K: 'i32', bias: 'i32', y: 'i32' },
    (code, { words: from, scales, group, x, K, bias, y }) => {
      const zero = () => [0, 1].map(() => code.let(f32x4.const(0)));
      const [results, totals, sums] = [zero(), zero(), zero()];
      const end = code.let(at(x, K));
      const nextOf = (steps: number) => {
        const next = i32.add(x, steps * WORD);
        return code.let(select(i32.lt_u(end, next), end, next));
      };
      const first = code.let(i32.const(1));
      code.loop((againAll) => {
        const blockEnd = nextOf(K_BLOCK);
        for (const total of totals) code.set(total, f32x4.const(0));
        code.loop((againBlock) => {
          const stop = nextOf(SUM_BLOCK);
          for (const sum of sums) code.set(sum, f32x4.const(0));
          code.loop((again) => {
            emitStep(code, { words: from, scales, group, step }, (index, weights) => {
              const value = code.let(v128.load32_splat(x, index * WORD));
              for (const [half, sum] of sums.entries()) code.set(sum, code.multiplyAdd(value, weights[half], sum));
            });
            code.set(from, i32.add(from, PANEL * WORD));
            code.set(group, i32.add(group, (PER_WORD / step) * WORD));
            code.set(x, i32.add(x, words(PER_WORD)));
            code.branchIf(again, i32.lt_u(x, stop));
          });
          for (const [half, total] of totals.entries()) code.set(total, f32x4.add(total, sums[half]));
          code.branchIf(againBlock, i32.lt_u(x, blockEnd));
        });
        // The first block writes, the others add.
        for (const [half, result] of results.entries()) {
          code.if(
            first,
            () => code.set(result, totals[half]),
            () => code.set(result, f32x4.add(result, totals[half])),
          );
        }
        code.set(first, i32.const(0));
        code.branchIf(againAll, i32.lt_u(x, end));
      });
      for (const [half, result] of results.entries()) {
        code.if(bias, () => code.set(result, f32x4.add(result, v128.load(bias, 16 * half))));
        code.run(v128.store(y, result, 16 * half));
      }
    },
  );
}

/**
 * Several rows: each unit widens a block of a panel into float32 that stays in the first-level cache while its rows use it, as `widened` of
 * product.ts. Everything else as there.
 */
const int4Rows = { 8: rows(8), 1: rows(1) };

function rows(step: 8 | 1) {
  return func(`product_int4_${step}`, { scales: 'i32', groups: 'i32', G: 'i32', ...PRODUCT_PARAMETERS }, (code, p) => {
    emitProduct(code, 'float32', p, {
      wPanel: 0,
      panelsAtOnce: () => i32.const(1),
      weightsOf(panel, k, depth, unit) {
        const place = panelOf(p, panel, p.K);
        const to = code.let(at(p.scratch, unit, SCRATCH));
        code.call(widenInt4[step], {
          words: at(place.words, k, PANEL / 2),
          scales: place.scales,
          group: at(p.groups, i32.div_u(k, step)),
          ...{ to, depth },
        });
        return to;
      },
    });
  });
}

export const INT4_KERNELS = [...Object.values(int4Row), ...Object.values(int4Rows)];

/** What a product is given beside its matrix. */
interface Given {
  readonly x: number;
  readonly bias: number;
  readonly y: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * `y[M, N] = x[M, K] · wᵀ + bias`, w the N rows of a matrix in 4 bits from row `start` on, a multiple of PANEL.
 */
export function multiplyInt4(host: Host, weight: Stored, start: number, given: Given): void {
  const { M, N, K, x, bias, y } = given;
  const { step } = weight.int4!;
  const whole = int4Places(weight);
  const places = {
    ...whole,
    w: whole.w + (start * K) / 2,
    scales: whole.scales + (start / PANEL) * whole.G * GROUP_BYTES,
  };
  if (M === 1) {
    host.run(int4Row[step], { ...places, x, bias, y, K }, N / PANEL, 2 * N * K);
    return;
  }
  const { units, ...cut } = unitsOf(M, N);
  const rest = { scratch: host.temporary(SCRATCH * units), residual: 0, activation: ACTIVATION.none };
  host.run(int4Rows[step], { ...places, ...given, ...rest, ...cut }, units, 2 * M * N * K);
}
