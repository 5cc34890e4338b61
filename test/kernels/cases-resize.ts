import { resizeGrid, resizeGridGradient } from '../../kernels/resize-grid.ts';
import { between, type Case, draw, type Expected } from './case.ts';

/** Keys' piecewise cubic with a = −3/4, over the distance between a sample and the point that is asked for. */
function keys(distance: number): number {
  const a = -0.75;
  const s = Math.abs(distance);
  if (s <= 1) return (a + 2) * s ** 3 - (a + 3) * s ** 2 + 1;
  return s < 2 ? a * s ** 3 - 5 * a * s ** 2 + 8 * a * s - 4 * a : 0;
}

/** What a cell of a grid's side gives to a cell of the resized side. */
interface Share {
  /** The sum of the weights that meet here: several do where the side is clamped. */
  value: number;
  /** The sum of their magnitudes. */
  magnitude: number;
  /** What rounding can do to them: as much to a small weight as to a large one, and the more, the larger the grid and so the coordinates. */
  error: number;
}

/** The shares of every cell of the resized side, `[to][from]`. */
function sharesOf(from: number, to: number): Share[][] {
  return Array.from({ length: to }, (_, i) => {
    const y = ((i + 0.5) * from) / to - 0.5;
    const shares = Array.from({ length: from }, (): Share => ({ value: 0, magnitude: 0, error: 0 }));
    // One more on either side: a rounded coordinate may be on the other side of a whole number.
    for (let j = Math.floor(y) - 2; j <= Math.floor(y) + 3; j++) {
      const share = shares[Math.min(Math.max(j, 0), from - 1)];
      share.value += keys(y - j);
      share.magnitude += Math.abs(keys(y - j));
      share.error += from;
    }
    return shares;
  });
}

/** The sum of a grid's numbers, each by its shares along either side. */
function shared(rows: readonly Share[], columns: readonly Share[], at: (r: number, c: number) => number): Expected {
  let [value, scale] = [0, 0];
  for (const [r, row] of rows.entries()) {
    if (row.error === 0) continue;
    for (const [c, column] of columns.entries()) {
      const number = at(r, c);
      value += row.value * column.value * number;
      scale += (row.error * column.magnitude + row.magnitude * column.error) * Math.abs(number);
    }
  }
  return { value, scale };
}

const sizes = { from: between(1, 17), to: between(1, 17), D: between(1, 9) };

const resizeGridCase: Case = {
  op: 'resizeGrid',
  sizes,
  attributes: () => [{ to: 3 }],
  example({ from, to, D, seed }) {
    const x = draw(seed).floats([from * from, D]);
    const shares = sharesOf(from, to);
    return {
      inputs: { x },
      run: ({ x }) => resizeGrid(x, from, to),
      shape: [to * to, D],
      element(cell, d) {
        return shared(shares[Math.trunc(cell / to)], shares[cell % to], (r, c) => x.at(r * from + c, d));
      },
    };
  },
};

const resizeGridGradientCase: Case = {
  op: 'resizeGridGradient',
  sizes,
  attributes: () => [{ from: 3 }],
  example({ from, to, D, seed }) {
    const dy = draw(seed).floats([to * to, D]);
    const shares = sharesOf(from, to);
    return {
      inputs: { dy },
      run: ({ dy }) => resizeGridGradient(dy, from, to),
      shape: [from * from, D],
      element(cell, d) {
        const [rows, columns] = [Math.trunc(cell / from), cell % from].map((each) =>
          shares.map((share) => share[each]),
        );
        return shared(rows, columns, (i, j) => dy.at(i * to + j, d));
      },
    };
  },
};

export const resizeCases: readonly Case[] = [resizeGridCase, resizeGridGradientCase];
