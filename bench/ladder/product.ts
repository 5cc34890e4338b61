import { inOrder } from '../../kernels/simd/kernels.ts';
import { ACTIVATION, product } from '../../kernels/simd/product.ts';
import type { Func } from '../../kernels/simd/wasm/code.ts';
import { PANEL, type WeightType } from '../../kernels/simd/weights.ts';
import { roundToBfloat16 } from '../../tensor/dtype.ts';
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
 * @param epilogue in the product, or by a function that is run after it
 */
export function prepareProduct(
  type: WeightType,
  { M, K, N, x, w, bias }: Problem,
  epilogue:
    | 'none'
    | 'gelu'
    | { kernel: Func; run(kernel: (...given: number[]) => void, placed: Placed): void } = 'none',
): Prepared {
  const arena = createArena();
  const after = typeof epilogue === 'object' ? epilogue : undefined;
  const [compute, kernel] = arena.compile([product[type], ...(after ? [after.kernel] : [])]);
  const weights = type === 'float32' ? w : roundToBfloat16(w);
  const placed = { y: arena.allocate(4 * M * N), bias: arena.put(bias) };
  const given = inOrder(product[type], {
    x: arena.put(x),
    w: arena.put(panels(weights, N, K, PANEL)),
    bias: epilogue === 'gelu' ? placed.bias : 0,
    residual: 0,
    y: placed.y,
    N,
    K,
    activation: epilogue === 'gelu' ? ACTIVATION.gelu : ACTIVATION.none,
    rowStart: 0,
    rowEnd: M,
    start: 0,
    end: Math.ceil(N / PANEL),
  });
  return {
    run() {
      compute(...given);
      after?.run(kernel, placed);
    },
    result: () => arena.floats(placed.y, M * N),
  };
}
