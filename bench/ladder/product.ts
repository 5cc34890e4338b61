import { ACTIVATION, product, SCRATCH, WORTH_WIDENING } from '../../kernels/simd/product.ts';
import { PANEL } from '../../kernels/simd/weight-types.ts';
import { roundToBfloat16 } from '../../tensor/dtype.ts';
import { inOrder } from '../../tensor/simd/kernels.ts';
import type { Func } from '../../tensor/wasm/code.ts';
import { createArena } from './arena.ts';
import { panels } from './panels.ts';
import type { Prepared, Problem } from './rung.ts';

/** Where things lie for what follows a product. */
export interface Placed {
  readonly y: number;
  readonly bias: number;
}

/**
 * The project's own product on one thread.
 *
 * @param weights `widened` for many rows
 * @param epilogue in the product, or by a function that is run after it
 */
export function prepareProduct(
  weights: keyof typeof product,
  { M, K, N, x, w, bias }: Problem,
  epilogue:
    | 'none'
    | 'gelu'
    | { kernel: Func; run(kernel: (...given: number[]) => void, placed: Placed): void } = 'none',
): Prepared {
  const arena = createArena();
  const after = typeof epilogue === 'object' ? epilogue : undefined;
  const compute = product[weights === 'widened' && M < WORTH_WIDENING ? 'bfloat16' : weights];
  const [run, kernel] = arena.compile([compute, ...(after ? [after.kernel] : [])]);
  const placed = { y: arena.allocate(4 * M * N), bias: arena.put(bias) };
  const given = inOrder(compute, {
    x: arena.put(x),
    w: arena.put(panels(weights === 'float32' ? w : roundToBfloat16(w), N, K, PANEL)),
    scratch: compute === product.widened ? arena.allocate(SCRATCH) : 0,
    bias: epilogue === 'gelu' ? placed.bias : 0,
    residual: 0,
    y: placed.y,
    M,
    N,
    K,
    activation: epilogue === 'gelu' ? ACTIVATION.gelu : ACTIVATION.none,
    unitRows: M,
    unitPanels: Math.ceil(N / PANEL),
    start: 0,
    end: 1,
  });
  return {
    run() {
      run(...given);
      after?.run(kernel, placed);
    },
    result: () => arena.floats(placed.y, M * N),
  };
}
