import type { GpuRung } from '../gpu-rung.ts';
import { prepareOnGpu } from '../prepare-on-gpu.ts';
import { kernel } from './23-webgl2.ts';

// #region kernel
/** The kernel of the rung before, over storage buffers. */
const prepare: GpuRung['prepare'] = (problem) => prepareOnGpu({ mode: 'webgpu', kernel, results: 1 }, problem);
// #endregion

export const rung: GpuRung = {
  name: '24-webgpu',
  title: 'GPU.js, webgpu',
  prediction:
    'Storage buffers are arrays: an index is an address, without coordinates or channels. Twice as fast as webgl2 in software, more on a GPU.',
  why: 'The prediction was wrong: two thirds of the speed of webgl2 in software. The WGSL reads the sizes from a uniform at every step, compares the loop’s counter as a float, and the browser checks every index against the bounds of its array. A GPU hides such steps behind its reads; a processor does them one by one.',
  prepare,
};
