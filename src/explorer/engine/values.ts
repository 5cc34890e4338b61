import { elements } from '../../../tensor/tensor.ts';
import { recordingOf } from './recording.ts';
import type { Context } from './service.ts';
import type { Statistics } from './statistics.ts';
import { wordsFor } from './words.ts';

/** A window into a station or a weight. */
export interface ValuesArgument {
  readonly station: string;
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

export interface ValuesResult {
  /** What the window really covers: the tensor may end before. */
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  /** Row-major. */
  readonly data: Float32Array;
  /** Each row and each column of the window in words. */
  readonly words: { readonly rows: readonly string[]; readonly columns: readonly string[] };
  /** Of the whole tensor; undefined for a weight that is too large to read it whole. */
  readonly statistics: Statistics | undefined;
}

/** The numbers of a window, never of more: a page may look at a tensor that is larger than it can hold. */
export async function values(
  { station: name, ...wanted }: ValuesArgument,
  context: Context<never>,
): Promise<ValuesResult> {
  const engine = context.engine();
  const recording = await recordingOf(engine);
  const [found] = await recording.values(name);
  const width = found.shape.at(-1)!;
  const height = elements(found.shape) / width;
  const inside = (value: number, most: number) => Math.max(0, Math.min(Math.floor(value) || 0, most));
  const [row, column] = [inside(wanted.row, height - 1), inside(wanted.column, width - 1)];
  const [rows, columns] = [
    inside(wanted.rows, Math.min(height - row, MOST)),
    inside(wanted.columns, Math.min(width - column, MOST)),
  ];
  const data = new Float32Array(rows * columns);
  const inWords = wordsFor(engine, recording.stations.get(name));
  for (let i = 0; i < rows; i++) {
    context.signal.throwIfAborted();
    data.set((await found.row(row + i)).subarray(column, column + columns), i * columns);
  }
  const words = {
    rows: Array.from({ length: rows }, (_, i) => inWords.row(row + i)),
    columns: Array.from({ length: columns }, (_, j) => inWords.column(column + j)),
  };
  return { row, column, rows, columns, data, words, statistics: found.statistics };
}

/** Rows or columns of a window. */
const MOST = 512;
