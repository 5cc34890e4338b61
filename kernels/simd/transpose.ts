import { type Code, func } from '../../tensor/wasm/code.ts';
import { i8x16, i32, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';
import { PANEL, panelBytes } from './weight-types.ts';

const FOUR = [0, 1, 2, 3];

/** Four float32 in memory: so many bytes behind an address. */
type Place = readonly [address: Local<'i32'>, offset: number];

/** Writes four rows of four float32 as four columns: neighbours are interleaved, then pairs of them. */
export function turnSquare(code: Code, from: readonly Place[], to: readonly Place[]): void {
  const [a, b, c, d] = from.map(([address, offset]) => code.let(v128.load(address, offset)));
  const interleaved = [
    [a, b],
    [c, d],
  ].map(([x, y]) => [code.let(i8x16.shuffle(x, y, [0, 4, 1, 5])), code.let(i8x16.shuffle(x, y, [2, 6, 3, 7]))]);
  for (const [row, [address, offset]] of to.entries()) {
    const [left, right] = interleaved.map((halves) => halves[row >> 1]);
    const column = i8x16.shuffle(left, right, row % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]);
    code.run(v128.store(address, column, offset));
  }
}

/**
 * Panels of a matrix `[N, K]` from those of its transpose `[K, N]`, both multiples of PANEL, in float32: a square of 8 × 8, which lies in
 * one piece in either, is turned. The panels from `start` to `end` are written.
 */
export const turnPanels = func(
  'turn_panels',
  { from: 'i32', to: 'i32', N: 'i32', K: 'i32', start: 'i32', end: 'i32' },
  (code, { from, to, N, K, start, end }) => {
    const step = PANEL * WORD;
    const square = PANEL * step;
    const fromPanel = code.let(panelBytes('float32', N));
    const places = (address: Local<'i32'>, row: number, column: number) =>
      FOUR.map((i) => [address, (row + i) * step + column * WORD] as const);
    code.for(start, end, 1, (panel) => {
      const source = code.let(at(from, panel, square));
      const target = code.let(at(to, panel, panelBytes('float32', K)));
      code.for(0, K, PANEL, () => {
        for (const row of [0, 4]) {
          for (const column of [0, 4]) {
            turnSquare(code, places(source, row, column), places(target, column, row));
          }
        }
        code.set(source, i32.add(source, fromPanel));
        code.set(target, i32.add(target, square));
      });
    });
  },
);
