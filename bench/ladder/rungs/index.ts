import type { Rung } from '../rung.ts';
import { rung as nestedArrays } from './01-nested-arrays.ts';
import { rung as typedArrays } from './02-typed-arrays.ts';
import { rung as textbookOrder } from './03-textbook-order.ts';
import { rung as weightsFirst } from './04-weights-first.ts';
import { rung as unrolled } from './05-unrolled.ts';
import { rung as tiled } from './06-tiled.ts';
import { rung as gpuJsCpu } from './07-gpu-js-cpu.ts';
import { rung as gpuJsWebasm } from './08-gpu-js-webasm.ts';
import { rung as gpuJsArray4 } from './09-gpu-js-array4.ts';
import { rung as gpuJsThreads } from './10-gpu-js-threads.ts';
import { rung as simdDot } from './11-simd.ts';
import { rung as packed } from './12-packed.ts';
import { rung as widerTile } from './13-wider-tile.ts';
import { rung as tooWide } from './14-too-wide.ts';
import { rung as cacheBlocks } from './15-cache-blocks.ts';
import { rung as bfloat16 } from './16-bfloat16.ts';
import { rung as widenedOnce } from './17-widened-once.ts';
import { rung as epilogueApart } from './18-epilogue-apart.ts';
import { rung as fusedEpilogue } from './19-fused-epilogue.ts';
import { rung as threads } from './20-threads.ts';
import { rung as relaxedSimd } from './21-relaxed-simd.ts';
import { rung as int4 } from './22-int4.ts';

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
  widenedOnce,
  epilogueApart,
  fusedEpilogue,
  threads,
  relaxedSimd,
  int4,
];
