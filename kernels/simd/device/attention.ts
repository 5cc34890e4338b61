import { columns } from '../columns.ts';
import { divide } from '../scale.ts';
import type { Host, Twin } from './driver.ts';
import { multiply, packInto, panelsBytes } from './weights.ts';

/** Neighbouring queries whose keys begin at the same row: they are multiplied with the same keys. */
interface Group {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  /** The largest number of keys that one of them sees. */
  readonly count: number;
}

function groupsOf(span: Int32Array): Group[] {
  const groups: Group[] = [];
  for (let row = 0; 2 * row < span.length; row++) {
    const [first, count] = [span[2 * row], span[2 * row + 1]];
    const last = groups.at(-1);
    if (last?.first === first)
      groups[groups.length - 1] = { ...last, end: row + 1, count: Math.max(last.count, count) };
    else groups.push({ start: row, end: row + 1, first, count });
  }
  return groups;
}

/** The columns of one head, rows `start` to `end`, side by side. */
function headRows(host: Host, at: number, { start, end }: Group, head: number, width: number, d: number): number {
  const rows = end - start;
  const to = host.temporary(4 * rows * d);
  const given = { x: at + 4 * start * width, y: to, C: width, first: head * d, width: d, stride: d, groups: 1 };
  host.run(columns, given, rows, rows * d);
  return to;
}

/** Head by head a matrix product with the keys, whose rows are the columns of the result; then the division. */
export const attentionScores: Twin = (host, [q, k, span], { N, M, H, d, C, divisor }, y) => {
  const spans = host.integers(span.at, 2 * N).slice();
  for (const group of groupsOf(spans)) {
    const keys = Math.min(C, M - group.first);
    const packed = host.temporary(panelsBytes('float32', keys, d));
    for (let head = 0; head < H; head++) {
      const place = k.at + 4 * (group.first * H + head) * d;
      packInto(host, 'float32', place, { N: keys, K: d, rowStride: 4 * H * d, columnStride: 4 }, packed);
      const x = headRows(host, q.at, group, head, H * d, d);
      const rows = group.end - group.start;
      const out = y.at + 4 * (head * N + group.start) * C;
      multiply(host, { x, w: packed, type: 'float32', bias: 0, y: out, rows, N: C, K: d, columns: group.count });
      host.release(x);
    }
  }
  for (let row = 0; row < H * N; row++) host.floats(y.at + 4 * row * C, C).fill(0, spans[2 * (row % N) + 1]);
  if (divisor !== 1) host.run(divide, { x: y.at, y: y.at, divisor }, H * N * C);
};

/** Head by head a matrix product of the probabilities with the values, whose columns are the columns of the result. */
export const attentionValues: Twin = (host, [span, probabilities, v], { N, H, d, C }, y) => {
  for (const group of groupsOf(host.integers(span.at, 2 * N).slice())) {
    const { start, end, first, count } = group;
    const rows = end - start;
    const packed = host.temporary(panelsBytes('float32', d, count));
    const out = host.temporary(4 * rows * d);
    for (let head = 0; head < H; head++) {
      const place = v.at + 4 * (first * H + head) * d;
      packInto(host, 'float32', place, { N: d, K: count, rowStride: 4, columnStride: 4 * H * d }, packed);
      const own = probabilities.at + 4 * (head * N + start) * C;
      const x = count === C ? own : headRows(host, own, { ...group, start: 0, end: rows }, 0, C, count);
      multiply(host, { x, w: packed, type: 'float32', bias: 0, y: out, rows, N: d, K: count });
      if (x !== own) host.release(x);
      for (let row = 0; row < rows; row++) {
        host.floats(y.at + 4 * ((start + row) * H + head) * d, d).set(host.floats(out + 4 * row * d, d));
      }
    }
  }
};
