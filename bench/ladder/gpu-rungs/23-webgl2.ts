import type { Matrix, Thread } from '../../../tensor/op.ts';
import type { GpuRung } from '../gpu-rung.ts';
import { prepareOnGpu } from '../prepare-on-gpu.ts';

// #region kernel
/** One result a thread. The same text serves WebGL 2 and WebGPU. */
export const kernel = function (this: Thread, x: Matrix, w: Matrix, K: number) {
  let sum = 0;
  for (let k = 0; k < K; k++) {
    sum += x[this.thread.y][k] * w[this.thread.x][k];
  }
  return sum;
};
// #endregion

export const rung: GpuRung = {
  name: '23-webgl2',
  title: 'GPU.js, webgl2',
  prediction:
    'A fragment for each result; x and w are textures, and each read of them is an address computed, a texel fetched and a channel chosen. On a GPU the reads limit it; in software every one of those steps is an instruction.',
  why: 'As slow as predicted, and still half as fast again as the same kernel on webgpu. GPU.js writes the sizes of the textures into the GLSL, so most of the arithmetic of coordinates is folded when it is compiled, and fetching texels is what a software renderer was made for.',
  prepare: (problem) => prepareOnGpu({ mode: 'webgl2', kernel, results: 1 }, problem),
};
