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
import { type Arguments, inOrder } from '../../kernels/simd/kernels.ts';
import { layerNorm } from '../../kernels/simd/layer-norm.ts';
import {
  layerNormGradient,
  layerNormRows,
  normWeightGradient,
  rmsNormGradient,
  rmsNormRows,
} from '../../kernels/simd/norm-gradients.ts';
import { pack } from '../../kernels/simd/pack.ts';
import { patches } from '../../kernels/simd/patches.ts';
import { ACTIVATION, product, transposedProduct } from '../../kernels/simd/product.ts';
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
import { PANEL } from '../../kernels/simd/weights.ts';
import { zeros } from '../../kernels/simd/zeros.ts';
import type { Sizes } from '../../tensor/signature.ts';
import type { Func, Parameters } from '../../tensor/wasm/code.ts';
import type { OpName } from '../tolerances.ts';
import type { Guarded } from './guarded.ts';

/** The moments of all rows, for the gradient of a norm's weight. */
function momentsOf(rows: typeof layerNormRows, x: number, { N, D, eps }: Sizes, memory: Guarded): number {
  const moments = memory.allocate(8 * N);
  memory.run(rows, { x, moments, D, eps, start: 0, end: N });
  return moments;
}

/** A kernel with its arguments but for the range, and how many units of work the range runs over. */
export interface Work {
  readonly kernel: Func;
  readonly given: Readonly<Record<string, number>>;
  readonly units: number;
}

function work<P extends Parameters>(kernel: Func<P>, units: number, given: Omit<Arguments<P>, 'start' | 'end'>): Work {
  return { kernel, given, units };
}

export function runWork(run: Guarded['run'], { kernel, given }: Work, start: number, end: number): void {
  const complete = { ...given, start, end };
  if (inOrder(kernel, complete).some((argument) => argument === undefined)) {
    throw new RangeError(`${kernel.name}: ${JSON.stringify(complete)} lacks an argument`);
  }
  run(kernel, complete);
}

/** How an operation is computed by its twin. `inputs` are addresses, an input that was left out is 0. */
type Twin = (inputs: readonly number[], y: number, sizes: Sizes, memory: Guarded) => Work;

export const twins: Readonly<Record<OpName, Twin>> = {
  add: ([addend, x], y, { B, M, D }) => work(add, B * M, { x, addend, y, M, D }),
  append: ([cache, rows, segments], y, { M, D, G }, { run }) => {
    const all = { C: D, first: 0, width: D, stride: D, groups: 1, start: 0, end: M };
    run(columns, { x: cache, y, ...all }); // the twin writes in place
    return work(append, M, { cache: y, rows, segments, D, rowsRow: 4 * D, G });
  },
  argmax: ([x], index, { N, V }) => work(argmax, N, { x, index, V, share: 1 / V }),
  attention: ([q, k, v, span], y, { H, N, d, C, divisor }, memory) => {
    const [row, head, chunk] = [4 * H * d, 4 * d, 8];
    const chunks = Math.ceil((H * N) / chunk);
    const scratch = memory.allocate(4 * 4 * C * chunks);
    const strides = { qRow: row, qHead: head, kRow: row, kHead: head, vRow: row, vHead: head, yRow: row, yHead: head };
    return work(attention, chunks, { q, k, v, span, y, scratch, ...strides, N, d, C, H, chunk, divisor });
  },
  attentionScores: ([q, k, span], scores, { H, N, d, C, divisor }) => {
    const [row, head] = [4 * H * d, 4 * d];
    const strides = { qRow: row, qHead: head, kRow: row, kHead: head };
    return work(attentionScores, H * N, { q, k, span, scores, ...strides, N, d, C, divisor });
  },
  attentionValues: ([span, probabilities, v], y, { H, N, d, C }) => {
    const [row, head] = [4 * H * d, 4 * d];
    const strides = { vRow: row, vHead: head, yRow: row, yHead: head };
    return work(attentionValues, H * N, { probabilities, v, span, y, ...strides, N, d, C });
  },
  zeros: (_, y, { N, D }) => work(zeros, N * D, { y }),
  adamStep: ([weight, m, v], y, { rows, columns, keep, rate, correction, eps }) =>
    work(adamStep, rows * columns, { weight, m, v, y, keep, rate, correction, eps }),
  attentionGradient: ([q, k, v, span, dy], y, { H, N, M, d, C, divisor }, memory) => {
    const scratch = memory.allocate(4 * 2 * QUERY_BLOCK * C * H);
    return work(attentionGradient, H, { q, k, v, span, dy, y, scratch, row: 4 * H * d, N, M, d, C, divisor });
  },
  attentionKeys: ([span, probabilities, q], y, { H, N, M, d, C }) =>
    work(attentionKeys, H, { probabilities, q, span, y, row: 4 * H * d, N, M, d, C }),
  biasGradient: ([x], y, { N, M, R, start }, { run }) => {
    run(zeros, { y, start: 0, end: R });
    return work(fold, M, { x, y: y + 4 * start, count: N, stride: 4 * M });
  },
  clipFactor: ([squares], y, { most }) => work(clipFactor, 1, { squares, y, most }),
  crossEntropy: ([z, labels], loss, { N, V }) => work(crossEntropy, N, { z, labels, loss, V }),
  crossEntropyGradient: ([z, labels, dy], dz, { N, V }) => work(crossEntropyGradient, N, { z, labels, dy, dz, V }),
  firstMoment: ([m, gradient, factor], y, { rows, columns, beta, rest }) =>
    work(firstMoment, rows * columns, { m, gradient, factor, y, beta, rest }),
  foldRows: ([x], y, { B, M, D }) => work(fold, M * D, { x, y, count: B, stride: 4 * M * D }),
  geluGradient: ([x, y, dy], dx, { N, D }) => work(geluGradient, N * D, { x, y, dy, dx }),
  layerNormGradient: ([x, weight, dy], dx, { N, D, eps }) => work(layerNormGradient, N, { x, weight, dy, dx, D, eps }),
  layerNormWeightGradient: ([x, dy], y, sizes, memory) => {
    const moments = momentsOf(layerNormRows, x, sizes, memory);
    return work(normWeightGradient, sizes.D, { x, dy, moments, y, N: sizes.N, D: sizes.D });
  },
  placeColumns: ([x], y, { N, C, start: first, width, stride, groups }) =>
    work(placeColumns, N, { x, y, C, first, width, stride, groups }),
  resizeGridGradient: ([dy], dx, { from, to, D }) => work(resizeGridGradient, from * from, { dy, dx, from, to, D }),
  rmsNormGradient: ([x, weight, dy], dx, { N, D, eps }) => work(rmsNormGradient, N, { x, weight, dy, dx, D, eps }),
  rmsNormWeightGradient: ([x, dy], y, sizes, memory) => {
    const moments = momentsOf(rmsNormRows, x, sizes, memory);
    return work(normWeightGradient, sizes.D, { x, dy, moments, y, N: sizes.N, D: sizes.D });
  },
  secondMoment: ([v, gradient, factor], y, { rows, columns, beta, rest }) =>
    work(secondMoment, rows * columns, { v, gradient, factor, y, beta, rest }),
  siluGateGradient: ([x, gate, dy], dgate, { N, D }) => work(siluGateGradient, N * D, { x, gate, dy, dgate }),
  softmaxGradient: ([span, y, dy], dx, { H, N, C }) =>
    work(softmaxGradient, H * N, { y, dy, span, dx, N, C, divisor: 1 }),
  sum: ([a, b], y, { rows, columns }) => work(sum, rows * columns, { a, b, y }),
  sumOfSquares: ([x], y, { rows, columns }, memory) => {
    const lines = memory.allocate(4 * rows);
    memory.run(squaresOfRows, { x, y: lines, D: columns, start: 0, end: rows });
    return work(total, 1, { x: lines, y, count: rows });
  },
  sumRows: ([order, span, x], y, { V, D }) => work(sumRows, V, { x, order, span, y, D }),
  weightGradient: ([a, b], y, { N, M, K, R, start }, memory) => {
    memory.run(zeros, { y, start: 0, end: R * K });
    const panels = Math.ceil(K / PANEL);
    const packed = memory.allocate(panels * PANEL * N * 4);
    memory.run(pack.float32, { w: b, packed, N: K, K: N, rowStride: 4, columnStride: 4 * K, start: 0, end: panels });
    const rest = { scratch: 0, bias: 0, residual: 0, activation: ACTIVATION.none, rowStart: 0, rowEnd: M };
    const y0 = y + 4 * K * start;
    return work(transposedProduct, panels, { x: a, xStep: 4 * M, w: packed, y: y0, N: K, K: N, ...rest });
  },
  columns: ([x], y, { N, C, start: first, width, stride, groups }) =>
    work(columns, N, { x, y, C, first, width, stride, groups }),
  divide: ([x], y, { N, D, divisor }) => work(divide, N * D, { x, y, divisor }),
  embedding: ([table, ids], y, { T, D }) => work(embedding.float32, T, { table, ids, y, D }),
  gelu: ([x], y, { N, D }) => work(gelu, N * D, { x, y }),
  layerNorm: ([x, weight, bias], y, { N, D, eps }) => work(layerNorm, N, { x, weight, bias, y, D, eps }),
  linear: ([x, weight, bias], y, { N, K, M, start }, memory) => {
    const panels = Math.ceil(M / PANEL);
    const packed = memory.allocate(panels * PANEL * K * 4);
    const strides = { rowStride: 4 * K, columnStride: 4 };
    const w = weight + 4 * K * start;
    memory.run(pack.float32, { w, packed, N: M, K, ...strides, start: 0, end: panels });
    return work(product.float32, panels, {
      x,
      w: packed,
      scratch: 0,
      bias: bias && bias + 4 * start,
      residual: 0,
      y,
      N: M,
      K,
      activation: ACTIVATION.none,
      rowStart: 0,
      rowEnd: N,
    });
  },
  matmul: ([x, weight], y, { N, K, M, start }, memory) => {
    const w = weight + 4 * M * start;
    const panels = Math.ceil(M / PANEL);
    const packed = memory.allocate(panels * PANEL * K * 4);
    const strides = { rowStride: 4, columnStride: 4 * M };
    memory.run(pack.float32, { w, packed, N: M, K, ...strides, start: 0, end: panels });
    const rest = { scratch: 0, bias: 0, residual: 0, activation: ACTIVATION.none, rowStart: 0, rowEnd: N };
    return work(product.float32, panels, { x, w: packed, y, N: M, K, ...rest });
  },
  memoryRoof: ([x], y, { N, R, D, turns }) => work(memoryRoof, N, { x, y, D: R * D, turns }),
  multiplyAddRoof: ([x], y, { N, D, turns }) => work(multiplyAddRoof, N * D, { x, y, turns }),
  patches: ([pixels], y, { B, grid, patch }) => work(patches, B * grid * grid, { pixels, y, grid, patch }),
  resizeGrid: ([x], y, { from, to, D }) => work(resizeGrid, to * to, { x, y, from, to, D }),
  rmsNorm: ([x, weight], y, { N, D, eps }) => work(rmsNorm, N, { x, weight, y, D, eps }),
  rotary: ([cos, sin, x], y, { N, H, d }) => {
    const row = 4 * H * d;
    return work(rotary, N, { x, cos, sin, y, xRow: row, yRow: row, H, d });
  },
  scaleRows: ([x, factor], y, { N, D }) => work(scaleRows, N, { x, factor, y, D }),
  siluGate: ([x, gate], y, { N, D }) => work(siluGate, N * D, { x, gate, y }),
  softmax: ([span, x], y, { H, N, C }) => work(softmax, H * N, { x, span, y, N, C }),
  splice: ([x, rows, source], y, { T, D }) => work(splice, T, { x, rows, source, y, D }),
};
