import type { GpuRung } from '../gpu-rung.ts';
import { prepareWgsl } from '../prepare-wgsl.ts';

/** Results of a workgroup, each side. */
const TILE = 16;

// #region kernel
/** Written by hand: a workgroup of 16 × 16 threads loads a tile of x and one of w together, then each thread reads them 16 times. */
const text = `
struct Sizes { M: u32, K: u32, N: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> rows: array<array<f32, 16>, 16>;
var<workgroup> columns: array<array<f32, 16>, 16>;

@compute @workgroup_size(16, 16)
fn main(@builtin(local_invocation_id) own: vec3u, @builtin(workgroup_id) group: vec3u) {
  let m = group.y * 16 + own.y;
  let n = group.x * 16 + own.x;
  var sum = 0.0;
  for (var start = 0u; start < sizes.K; start += 16) {
    let k = start + own.x;
    rows[own.y][own.x] = select(0.0, x[min(m, sizes.M - 1) * sizes.K + k], m < sizes.M && k < sizes.K);
    let row = group.x * 16 + own.y;
    columns[own.x][own.y] = select(0.0, w[min(row, sizes.N - 1) * sizes.K + k], row < sizes.N && k < sizes.K);
    workgroupBarrier();
    for (var i = 0u; i < 16; i++) {
      sum += rows[own.y][i] * columns[i][own.x];
    }
    workgroupBarrier();
  }
  if (m < sizes.M && n < sizes.N) {
    y[m * sizes.N + n] = sum;
  }
}
`;
// #endregion

export const rung: GpuRung = {
  name: '27-wgsl-tiles',
  title: 'WGSL by hand, workgroup tiles',
  prediction:
    'What GPU.js cannot say: threads that share. Each number is read from memory once a tile instead of once a term, a sixteenth of the traffic. On a GPU several times as fast; in software the shared memory is memory like any other, and barriers cost. One row wastes fifteen threads of sixteen.',
  why: 'No faster than the plain kernel in software: 70 rows fill five tiles of 16, of which an eighth is waste, and what sharing saves the barriers cost, at which all 256 threads of a workgroup are halted and resumed one after another. One row is thirteen times slower, since a workgroup computes fifteen more that nobody asked for. The control is here for a machine with a GPU, where the order of the rungs is another.',
  prepare: (problem) => prepareWgsl(text, TILE, problem),
};
