import { at, words } from '../../../kernels/simd/address.ts';
import { emitGelu } from '../../../kernels/simd/gelu.ts';
import { forLanes } from '../../../kernels/simd/lanes.ts';
import { func } from '../../../tensor/wasm/code.ts';
import { f32x4 } from '../../../tensor/wasm/instructions.ts';
import { prepareProduct } from '../product.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/** `y = gelu(y + bias)`, after the whole product. */
const biasGelu = func('biasGelu', { y: 'i32', bias: 'i32', M: 'i32', N: 'i32' }, (code, { y, bias, M, N }) => {
  code.for(0, M, 1, (m) => {
    const row = code.let(at(y, m, words(N)));
    forLanes(code, 0, N, ({ load, store }) => store(row, emitGelu(code, code.let(f32x4.add(load(row), load(bias))))));
  });
});
// #endregion

export const rung: Rung = {
  name: '18-epilogue-apart',
  title: 'Bias and GELU, a pass of their own',
  prediction:
    'What a layer does to its products: 1.1 million results are read, some 40 operations each, and written. 46 million operations beside 9.4 thousand million, at half the speed: 1 % slower. For one row nothing that could be seen.',
  predicted: { prefill: 0.99, decode: 1 },
  why: 'More than 1 %, if not by much: GELU by erf is two polynomials and an exponential, near 60 operations, and the pass reads and writes 4.6 MB outside the second-level cache. Next to the product that is little; next to the other passes of a model it is one of many.',
  instructions: 'simd',
  threads: 'one',
  weightBytes: 2,
  epilogue: 'gelu',
  prepare: (problem) =>
    prepareProduct('widened', problem, {
      kernel: biasGelu,
      run: (kernel, { y, bias }) => kernel(y, bias, problem.M, problem.N),
    }),
};
