import type { Matrix, Thread } from '../../../tensor/op.ts';
import type { GpuRung } from '../gpu-rung.ts';
import { preparePlan } from '../prepare-on-gpu.ts';
import { kernel } from './23-webgl2.ts';

// #region kernel
/** A second kernel, which adds nothing: the plan is measured, and not what it computes. */
const epilogue = function (this: Thread, y: Matrix, bias: Matrix) {
  return y[this.thread.y][this.thread.x] + 0 * bias[0][this.thread.x];
};

const prepare: GpuRung['prepare'] = (problem) => preparePlan(kernel, epilogue, problem);
// #endregion

export const rung: GpuRung = {
  name: '26-create-pipeline',
  title: 'GPU.js, webgpu, createPipeline',
  prediction:
    'Two kernels in one submission, with nothing read back between them. The product is the same, so prefill takes as long as before plus the upload of w at every call, which a plan cannot keep; one row suffers most.',
  why: 'As predicted: prefill as before, one row half as slow again, for 64 MB of weights are uploaded at every call. The clock of the device sees a third of that; the rest is the host, which lays the numbers out and hands them to the process of the GPU. What a plan saves, launches and reads between kernels, is small beside a product. And nothing in it can be looked at, which this project lives by: its engine uses single kernels.',
  prepare,
};
