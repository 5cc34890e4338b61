import { adamStep, clipFactor, firstMoment, secondMoment, squaresOfRows, total } from '../../kernels/simd/adam.ts';
import { add } from '../../kernels/simd/add.ts';
import { append } from '../../kernels/simd/append.ts';
import { argmax } from '../../kernels/simd/argmax.ts';
import { attention } from '../../kernels/simd/attention.ts';
import { attentionGradient, attentionKeys, QUERY_BLOCK } from '../../kernels/simd/attention-gradient.ts';
import { attentionScores } from '../../kernels/simd/attention-scores.ts';
import { attentionValues } from '../../kernels/simd/attention-values.ts';
import { columns, placeColumns } from '../../kernels/simd/columns.ts';
import { crossEntropy, crossEntropyGradient } from '../../kernels/simd/cross-entropy.ts';
import { embedding } from '../../kernels/simd/embedding.ts';
import { fold } from '../../kernels/simd/fold.ts';
import { gelu, geluGradient } from '../../kernels/simd/gelu.ts';
import { layerNorm } from '../../kernels/simd/layer-norm.ts';
import {
  layerNormGradient,
  layerNormRows,
  normWeightGradient,
  rmsNormGradient,
  rmsNormRows,
} from '../../kernels/simd/norm-gradients.ts';
import { patches } from '../../kernels/simd/patches.ts';
import { QUERIES } from '../../kernels/simd/queries.ts';
import { resizeGrid, resizeGridGradient } from '../../kernels/simd/resize-grid.ts';
import { rmsNorm } from '../../kernels/simd/rms-norm.ts';
import { memoryRoof, multiplyAddRoof } from '../../kernels/simd/roof.ts';
import { rotary } from '../../kernels/simd/rotary.ts';
import { divide, scaleRows } from '../../kernels/simd/scale.ts';
import { siluGate, siluGateGradient } from '../../kernels/simd/silu-gate.ts';
import { softmax, softmaxGradient } from '../../kernels/simd/softmax.ts';
import { splice } from '../../kernels/simd/splice.ts';
import { sum } from '../../kernels/simd/sum.ts';
import { sumRows } from '../../kernels/simd/sum-rows.ts';
import { zeros } from '../../kernels/simd/zeros.ts';
import type { Sizes } from '../signature.ts';
import type { Host } from './bank.ts';
import { linear, matmul, weightGradient } from './products.ts';
import { type Stored, weightType } from './stored.ts';

/** An operation on the `simd` device: writes the output, of which the place is given. */
export type Twin = (host: Host, inputs: readonly Stored[], sizes: Sizes, output: Stored) => void;

/**
 * How an operation takes the one input in whose memory it runs:
 * - `matrix`: whatever it holds, for the twin makes panels of it;
 * - `rows`: as rows, in float32 or bfloat16;
 * - `output`: consumed, so that the output begins with its elements.
 */
interface Main {
  readonly input: number;
  readonly as: 'matrix' | 'rows' | 'output';
}

/** Every other input is given as rows of float32, or of int32 where the signature says so; such operations run where the largest is. */
export const MAIN: ReadonlyMap<string, Main> = new Map<string, Main>([
  ['linear', { input: 1, as: 'matrix' }],
  ['matmul', { input: 1, as: 'matrix' }],
  ['embedding', { input: 0, as: 'rows' }],
  ['append', { input: 0, as: 'output' }],
]);

/** Of attention: each has room for the scores of a few queries. */
const MOST_CHUNKS = 64;

/** How each operation runs as WebAssembly kernels, by name: the places and sizes that the kernels are given, and how many units. */
export const TWINS: Readonly<Record<string, Twin>> = {
  linear,
  matmul,
  weightGradient,
  biasGradient(host, [x], { N, M, R, start }, y) {
    if (M < R) host.run(zeros, { y: y.at }, R);
    host.run(fold, { x: x.at, y: y.at + 4 * start, count: N, stride: 4 * M }, M, N * M);
  },
  foldRows: (host, [x], { B, M, D }, y) =>
    host.run(fold, { x: x.at, y: y.at, count: B, stride: 4 * M * D }, M * D, B * M * D),

  attention(host, [q, k, v, span], { N, H, d, C, divisor }, y) {
    // Chunks are as many that every thread finds work, and as few that their scores stay in the caches.
    const chunk = QUERIES * Math.ceil((H * N) / (QUERIES * MOST_CHUNKS));
    const chunks = Math.ceil((H * N) / chunk);
    const scratch = host.temporary(4 * QUERIES * C * chunks);
    const places = { q: q.at, k: k.at, v: v.at, span: span.at, y: y.at, scratch };
    const [row, head] = [4 * H * d, 4 * d];
    const strides = { qRow: row, qHead: head, kRow: row, kHead: head, vRow: row, vHead: head, yRow: row, yHead: head };
    host.run(attention, { ...places, ...strides, N, d, C, H, chunk, divisor }, chunks, 4 * H * N * C * d);
  },
  attentionGradient(host, [q, k, v, span, dy], { H, N, M, d, C, divisor }, y) {
    const scratch = host.temporary(4 * 2 * QUERY_BLOCK * C * H);
    const places = { q: q.at, k: k.at, v: v.at, span: span.at, dy: dy.at, y: y.at, scratch };
    host.run(attentionGradient, { ...places, row: 4 * H * d, N, M, d, C, divisor }, H, 10 * H * N * C * d);
  },
  attentionKeys(host, [span, probabilities, q], { H, N, M, d, C }, y) {
    const places = { probabilities: probabilities.at, q: q.at, span: span.at, y: y.at };
    host.run(attentionKeys, { ...places, row: 4 * H * d, N, M, d, C }, H, 2 * H * N * C * d);
  },
  attentionScores(host, [q, k, span], { N, H, d, C, divisor }, y) {
    const places = { q: q.at, k: k.at, span: span.at, scores: y.at };
    const strides = { qRow: 4 * H * d, qHead: 4 * d, kRow: 4 * H * d, kHead: 4 * d };
    host.run(attentionScores, { ...places, ...strides, N, d, C, divisor }, H * N, 2 * H * N * C * d);
  },
  attentionValues(host, [span, probabilities, v], { N, H, d, C }, y) {
    const places = { probabilities: probabilities.at, v: v.at, span: span.at, y: y.at };
    const strides = { vRow: 4 * H * d, vHead: 4 * d, yRow: 4 * H * d, yHead: 4 * d };
    host.run(attentionValues, { ...places, ...strides, N, d, C }, H * N, 2 * H * N * C * d);
  },

  add: (host, [addend, x], { B, M, D }, y) =>
    host.run(add, { x: x.at, addend: addend.at, y: y.at, M, D }, B * M, B * M * D),
  divide: (host, [x], { N, D, divisor }, y) => host.run(divide, { x: x.at, y: y.at, divisor }, N * D),
  scaleRows: (host, [x, factor], { N, D }, y) =>
    host.run(scaleRows, { x: x.at, factor: factor.at, y: y.at, D }, N, N * D),
  gelu: (host, [x], { N, D }, y) => host.run(gelu, { x: x.at, y: y.at }, N * D, 30 * N * D),
  siluGate: (host, [x, gate], { N, D }, y) =>
    host.run(siluGate, { x: x.at, gate: gate.at, y: y.at }, N * D, 30 * N * D),
  layerNormGradient: (host, [x, weight, dy], { N, D, eps }, y) =>
    host.run(layerNormGradient, { x: x.at, weight: weight.at, dy: dy.at, dx: y.at, D, eps }, N, 17 * N * D),
  layerNormWeightGradient: (host, [x, dy], sizes, y) => normWeights(host, layerNormRows, x, dy, sizes, y),
  rmsNormGradient: (host, [x, weight, dy], { N, D, eps }, y) =>
    host.run(rmsNormGradient, { x: x.at, weight: weight.at, dy: dy.at, dx: y.at, D, eps }, N, 9 * N * D),
  rmsNormWeightGradient: (host, [x, dy], sizes, y) => normWeights(host, rmsNormRows, x, dy, sizes, y),
  geluGradient: (host, [x, output, dy], { N, D }, y) =>
    host.run(geluGradient, { x: x.at, y: output.at, dy: dy.at, dx: y.at }, N * D, 20 * N * D),
  siluGateGradient: (host, [x, gate, dy], { N, D }, y) =>
    host.run(siluGateGradient, { x: x.at, gate: gate.at, dy: dy.at, dgate: y.at }, N * D, 30 * N * D),
  softmaxGradient: (host, [span, output, dy], { H, N, C }, y) =>
    host.run(
      softmaxGradient,
      { y: output.at, dy: dy.at, span: span.at, dx: y.at, N, C, divisor: 1 },
      H * N,
      4 * H * N * C,
    ),
  crossEntropy: (host, [z, labels], { N, V }, y) =>
    host.run(crossEntropy, { z: z.at, labels: labels.at, loss: y.at, V }, N, 20 * N * V),
  crossEntropyGradient: (host, [z, labels, dy], { N, V }, y) =>
    host.run(crossEntropyGradient, { z: z.at, labels: labels.at, dy: dy.at, dz: y.at, V }, N, 40 * N * V),
  sum: (host, [a, b], { rows, columns }, y) =>
    host.run(sum, { a: a.at, b: b.at, y: y.at }, rows * columns, rows * columns),
  sumRows: (host, [order, span, x], { V, D, T }, y) =>
    host.run(sumRows, { x: x.at, order: order.at, span: span.at, y: y.at, D }, V, (V + T) * D),
  placeColumns: (host, [x], { N, C, start, width, stride, groups }, y) =>
    host.run(placeColumns, { x: x.at, y: y.at, C, first: start, width, stride, groups }, N, N * C),
  resizeGridGradient: (host, [dy], { from, to, D }, y) =>
    host.run(resizeGridGradient, { dy: dy.at, dx: y.at, from, to, D }, from * from, 40 * to * to * D),
  firstMoment: (host, [m, gradient, factor], { rows, columns, beta, rest }, y) =>
    host.run(
      firstMoment,
      { m: m.at, gradient: gradient.at, factor: factor.at, y: y.at, beta, rest },
      rows * columns,
      4 * rows * columns,
    ),
  secondMoment: (host, [v, gradient, factor], { rows, columns, beta, rest }, y) =>
    host.run(
      secondMoment,
      { v: v.at, gradient: gradient.at, factor: factor.at, y: y.at, beta, rest },
      rows * columns,
      5 * rows * columns,
    ),
  adamStep: (host, [weight, m, v], { rows, columns, keep, rate, correction, eps }, y) =>
    host.run(
      adamStep,
      { weight: weight.at, m: m.at, v: v.at, y: y.at, keep, rate, correction, eps },
      rows * columns,
      10 * rows * columns,
    ),
  sumOfSquares(host, [x], { rows, columns }, y) {
    const lines = host.temporary(4 * rows);
    host.run(squaresOfRows, { x: x.at, y: lines, D: columns }, rows, 2 * rows * columns);
    host.run(total, { x: lines, y: y.at, count: rows }, 1, rows);
  },
  clipFactor: (host, [squares], { most }, y) => host.run(clipFactor, { squares: squares.at, y: y.at, most }, 1),
  layerNorm: (host, [x, weight, bias], { N, D, eps }, y) =>
    host.run(layerNorm, { x: x.at, weight: weight.at, bias: bias.at, y: y.at, D, eps }, N, 8 * N * D),
  rmsNorm: (host, [x, weight], { N, D, eps }, y) =>
    host.run(rmsNorm, { x: x.at, weight: weight.at, y: y.at, D, eps }, N, 4 * N * D),
  softmax: (host, [span, x], { H, N, C }, y) =>
    host.run(softmax, { x: x.at, span: span.at, y: y.at, N, C }, H * N, 20 * H * N * C),
  rotary(host, [cos, sin, x], { N, H, d }, y) {
    const row = 4 * H * d;
    host.run(rotary, { x: x.at, cos: cos.at, sin: sin.at, y: y.at, xRow: row, yRow: row, H, d }, N, 3 * N * H * d);
  },

  embedding: (host, [table, ids], { T, D }, y) =>
    host.run(embedding[weightType(table)], { table: table.at, ids: ids.at, y: y.at, D }, T, T * D),
  zeros: (host, _, { N, D }, y) => host.run(zeros, { y: y.at }, N * D),
  splice: (host, [x, rows, source], { T, D }, y) =>
    host.run(splice, { x: x.at, rows: rows.at, source: source.at, y: y.at, D }, T, T * D),
  columns: (host, [x], { N, C, start, width, stride, groups }, y) =>
    host.run(columns, { x: x.at, y: y.at, C, first: start, width, stride, groups }, N, N * groups * width),
  patches: (host, [pixels], { B, grid, patch }, y) =>
    host.run(patches, { pixels: pixels.at, y: y.at, grid, patch }, B * grid * grid, 3 * B * (grid * patch) ** 2),
  resizeGrid: (host, [x], { from, to, D }, y) =>
    host.run(resizeGrid, { x: x.at, y: y.at, from, to, D }, to * to, 40 * to * to * D),
  argmax: (host, [x], { N, V }, y) => host.run(argmax, { x: x.at, index: y.at, V, share: 1 / V }, N, N * V),
  multiplyAddRoof: (host, [x], { N, D, turns }, y) =>
    host.run(multiplyAddRoof, { x: x.at, y: y.at, turns }, N * D, 24 * N * D * turns),
  memoryRoof: (host, [x], { N, R, D, turns }, y) =>
    host.run(memoryRoof, { x: x.at, y: y.at, D: R * D, turns }, N, N * R * D * turns),
  append: (host, [, rows, segments], { M, N, D, G }, y) =>
    host.run(append, { cache: y.at, rows: rows.at, segments: segments.at, D, rowsRow: 4 * D, G }, M, N * D),
};

/** The moments of all rows, then the sums down the columns. */
function normWeights(
  host: Host,
  rows: typeof layerNormRows,
  x: Stored,
  dy: Stored,
  { N, D, eps }: Sizes,
  y: Stored,
): void {
  const moments = host.temporary(8 * N);
  host.run(rows, { x: x.at, moments, D, eps }, N, 4 * N * D);
  host.run(normWeightGradient, { x: x.at, dy: dy.at, moments, y: y.at, N, D }, D, 4 * N * D);
}
