import type { Sizes } from '../../../tensor/signature.ts';
import { add } from '../add.ts';
import { append } from '../append.ts';
import { argmax } from '../argmax.ts';
import { attention } from '../attention.ts';
import { attentionScores } from '../attention-scores.ts';
import { attentionValues } from '../attention-values.ts';
import { columns } from '../columns.ts';
import { embedding } from '../embedding.ts';
import { gelu } from '../gelu.ts';
import { layerNorm } from '../layer-norm.ts';
import { patches } from '../patches.ts';
import { QUERIES } from '../queries.ts';
import { resizeGrid } from '../resize-grid.ts';
import { rmsNorm } from '../rms-norm.ts';
import { memoryRoof, multiplyAddRoof } from '../roof.ts';
import { rotary } from '../rotary.ts';
import { divide, scaleRows } from '../scale.ts';
import { siluGate } from '../silu-gate.ts';
import { softmax } from '../softmax.ts';
import { splice } from '../splice.ts';
import { zeros } from '../zeros.ts';
import type { Host } from './bank.ts';
import { linear, matmul } from './products.ts';
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
