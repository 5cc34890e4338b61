import { cell, copied, type Input, type Sum, type Term, term, type Unfold } from './sum.ts';

const taken = async (input: Input, name: string, row: number, column: number): Promise<Sum> =>
  copied(cell(name, row, column, (await input.row(row))[column]));

export const columns: Unfold = ({ x }, { start, width, stride }, row, column) =>
  taken(x, 'x', row, start + Math.floor(column / width) * stride + (column % width));

export const gatherRows: Unfold = async ({ table, ids }, _, row, column) =>
  taken(table, 'table', (await ids.row(0))[row], column);

/** What has no row in its place stays. */
export const splice: Unfold = async ({ x, rows, source }, _, row, column) => {
  const from = (await source.row(0))[row];
  return from < 0 ? taken(x, 'x', row, column) : taken(rows, 'rows', from, column);
};

/** Of segments that have a row for one place the later counts. */
export const append: Unfold = async ({ cache, rows, segments }, { G }, row, column) => {
  for (let g = G - 1; g >= 0; g--) {
    const [to, from, count] = await segments.row(g);
    if (row >= to && row < to + count) return taken(rows, 'rows', from + row - to, column);
  }
  return taken(cache, 'cache', row, column);
};

/** Rows are patches in the order of the grid; in a row stand the channels, then a patch's rows, then its columns. */
export const patches: Unfold = ({ pixels }, { grid, patch }, row, column) => {
  const [image, cellOfGrid] = [Math.floor(row / grid ** 2), row % grid ** 2];
  const [gridRow, gridColumn] = [Math.floor(cellOfGrid / grid), cellOfGrid % grid];
  const [line, across] = [Math.floor(column / patch), column % patch];
  const [channel, down] = [Math.floor(line / patch), line % patch];
  const pixelRow = ((image * 3 + channel) * grid + gridRow) * patch + down;
  return taken(pixels, 'pixels', pixelRow, gridColumn * patch + across);
};

export const zeros: Unfold = async () => ({ terms: [] });

/** Four by four cells of the grid around the place, those beyond its border taken from the border. */
export const resizeGrid: Unfold = async ({ x }, { from, to }, row, column) => {
  const [y, z] = [Math.floor(row / to), row % to].map((i) => ((i + 0.5) * from) / to - 0.5);
  const inside = (i: number) => Math.max(0, Math.min(from - 1, i));
  const terms: Term[] = [];
  for (let i = Math.floor(y) - 1; i <= Math.floor(y) + 2; i++) {
    for (let j = Math.floor(z) - 1; j <= Math.floor(z) + 2; j++) {
      const at = inside(i) * from + inside(j);
      terms.push(term([cell('x', at, column, (await x.row(at))[column])], cubic(y - i) * cubic(z - j)));
    }
  }
  return { terms };
};

/** The weight at a distance, of bicubic interpolation with a = −3/4: see `resizeGrid`. */
function cubic(distance: number): number {
  const s = Math.abs(distance);
  if (s <= 1) return (1.25 * s - 2.25) * s * s + 1;
  return s < 2 ? ((-0.75 * s + 3.75) * s - 6) * s + 3 : 0;
}
