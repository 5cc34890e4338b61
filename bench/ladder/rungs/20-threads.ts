import { prepareLinear } from '../device.ts';
import { FUSED_BY_FLAG } from '../multiply-add.ts';
import type { Rung } from '../rung.ts';

// #region kernel
/** The operation of the model, on a device with so many threads. */
const prepare = prepareLinear;
// #endregion

export const rung: Rung = {
  name: '20-threads',
  title: 'Threads',
  prediction:
    'Threads take panels from a common counter and meet once at the end. Many rows: nearly as many times as fast as there are threads, 1.9 with two. One row: the cores share the memory, which one of them leaves idle while it computes: 1.5 times.',
  predicted: { prefill: 1.9, decode: 1.5 },
  why: 'Nearly twice for prefill: panels are independent, no thread writes where another reads, and they meet once. Decode gains what was expected: one thread alone does not keep the memory of this machine busy, two take two thirds of a sweep by two. From here on the limit is shared: more threads bring more bytes only as far as memory goes.',
  shows: [['bench/ladder/device.ts', 'prepareLinear']],
  instructions: FUSED_BY_FLAG ? 'simd' : 'fused', // the device takes the best that the engine has
  threads: 'all',
  weightBytes: 2,
  epilogue: 'bias',
  prepare,
};
