import { pack } from '../../kernels/simd/pack.ts';
import { PANEL, WEIGHT_BYTES, type WeightType } from '../../kernels/simd/weight-types.ts';
import type { Guarded } from './guarded.ts';

/** Packs weights that are stored `[N, K]`. @returns where their panels lie */
export function packed(
  { run, allocate, put }: Guarded,
  type: WeightType,
  kept: Float32Array | Uint16Array,
  N: number,
  K: number,
): number {
  const [panels, bytes] = [Math.ceil(N / PANEL), WEIGHT_BYTES[type]];
  const to = allocate(panels * PANEL * K * bytes);
  const strides = { rowStride: bytes * K, columnStride: bytes };
  run(pack[type], { w: put(kept), packed: to, N, K, ...strides, start: 0, end: panels });
  return to;
}
