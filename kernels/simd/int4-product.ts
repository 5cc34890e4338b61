import type { Host } from '../../tensor/simd/bank.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32 } from '../../tensor/wasm/instructions.ts';
import { at } from './address.ts';
import { BLOCK, GROUP_BYTES, int4Places, panelOf, widenInt4 } from './int4.ts';
import { BLOCK_BYTES, int4Blocks, int4Dots } from './int4-dots.ts';
import { ACTIVATION, emitProduct, PRODUCT_PARAMETERS, SCRATCH, unitsOf } from './product.ts';
import { PANEL } from './weight-types.ts';

/**
 * Any rows: each unit widens a block of a panel into float32 that stays in the first-level cache while its rows use it, as `widened` of
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

export const INT4_KERNELS = [int4Blocks, int4Dots, ...Object.values(int4Rows)];

/** Up to so many rows are multiplied in integers, one by one: then widening would cost more than it saves. */
const FEW_ROWS = 2;

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
  if (M <= FEW_ROWS && step === BLOCK) {
    const count = Math.ceil(K / BLOCK);
    for (let row = 0; row < M; row++) {
      const blocks = host.temporary(count * BLOCK_BYTES);
      host.run(int4Blocks, { x: x + 4 * K * row, to: blocks, K }, count, 4 * K);
      host.run(int4Dots, { ...places, blocks, bias, y: y + 4 * N * row, K }, N / PANEL, 2 * N * K);
    }
    return;
  }
  const { units, ...cut } = unitsOf(M, N, K);
  const rest = { scratch: host.temporary(SCRATCH * units), residual: 0, activation: ACTIVATION.none };
  host.run(int4Rows[step === 1 ? 1 : 8], { ...places, ...given, ...rest, ...cut }, units, 2 * M * N * K);
}
