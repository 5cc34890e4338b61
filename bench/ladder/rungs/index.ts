import type { Rung } from '../rung.ts';
import { nestedArrays } from './01-nested-arrays.ts';
import { typedArrays } from './02-typed-arrays.ts';
import { textbookOrder } from './03-textbook-order.ts';
import { weightsFirst } from './04-weights-first.ts';
import { unrolled } from './05-unrolled.ts';
import { tiled } from './06-tiled.ts';
import { gpuJsCpu } from './07-gpu-js-cpu.ts';
import { gpuJsWebasm } from './08-gpu-js-webasm.ts';
import { gpuJsArray4 } from './09-gpu-js-array4.ts';
import { gpuJsThreads } from './10-gpu-js-threads.ts';
import { simdDot } from './11-simd.ts';
import { packed } from './12-packed.ts';
import { widerTile } from './13-wider-tile.ts';
import { tooWide } from './14-too-wide.ts';
import { cacheBlocks } from './15-cache-blocks.ts';
import { bfloat16 } from './16-bfloat16.ts';
import { epilogueApart } from './17-epilogue-apart.ts';
import { fusedEpilogue } from './18-fused-epilogue.ts';
import { threads } from './19-threads.ts';
import { relaxedSimd } from './20-relaxed-simd.ts';

/** From the bottom up. */
export const RUNGS: readonly Rung[] = [
  nestedArrays,
  typedArrays,
  textbookOrder,
  weightsFirst,
  unrolled,
  tiled,
  gpuJsCpu,
  gpuJsWebasm,
  gpuJsArray4,
  gpuJsThreads,
  simdDot,
  packed,
  widerTile,
  tooWide,
  cacheBlocks,
  bfloat16,
  epilogueApart,
  fusedEpilogue,
  threads,
  relaxedSimd,
];
