import type { HostData } from '../../../../tensor/device.ts';
import type { Sizes } from '../../../../tensor/signature.ts';

/** An input of an operation as a matrix, rows of the last dimension: of a large weight only what a cell needs is read. */
export interface Input {
  row(index: number): Promise<HostData>;
  column(index: number): Promise<HostData>;
}

/** By their names in the signature; one that was left out is not there. */
export type Inputs = Readonly<Record<string, Input>>;

/** A number of an input. */
export interface Cell {
  readonly input: string;
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

/** A summand: the product of some cells, times a factor that is no cell. What is no product of its cells says so in its step. */
export interface Term {
  readonly cells: readonly Cell[];
  readonly factor?: number;
  readonly value: number;
}

/** A number on the way: what a whole row has in common. */
export interface Step {
  readonly name: string;
  readonly value: number;
  /** Where it is a sum itself. */
  readonly terms?: readonly Term[];
}

/** How an element of an operation's result comes about: it is the sum of its terms, in float64. */
export interface Sum {
  readonly steps?: readonly Step[];
  readonly terms: readonly Term[];
  /** What rounding is relative to; the terms without their signs where nothing else is said. */
  readonly scale?: number;
}

/**
 * The sum that makes one element of an operation's result, by the operation's equation.
 *
 * @param sizes the letters of its signature, and its attributes
 */
export type Unfold = (inputs: Inputs, sizes: Sizes, row: number, column: number) => Promise<Sum>;

/** A cell of a row, or a column, that was read. */
export const cell = (input: string, row: number, column: number, value: number): Cell => ({
  input,
  row,
  column,
  value,
});

/** The product of cells and a factor. */
export const term = (cells: readonly Cell[], factor = 1): Term => ({
  cells,
  ...(factor === 1 ? {} : { factor }),
  value: cells.reduce((product, { value }) => product * value, factor),
});

/** Something that is only moved. */
export const copied = (from: Cell): Sum => ({ terms: [term([from])] });

export const total = (terms: readonly Term[]): number => terms.reduce((sum, { value }) => sum + value, 0);
