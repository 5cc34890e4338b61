import { describeColumn, describeElement, describeRow, type Terms } from '../../verify/coordinates.ts';
import { placeInGolden, shapeOf } from '../../verify/layout.ts';
import type { Engine } from './engine.ts';
import type { Station } from './station.ts';

/** Says which rows, columns and cells of a station are meant, in the model's terms. */
export interface Words {
  row(row: number): string;
  column(column: number): string;
  cell(row: number, column: number): string;
}

const NUMBERS: Words = {
  row: (row) => `row ${row}`,
  column: (column) => `column ${column}`,
  cell: (row, column) => `row ${row}, column ${column}`,
};

/** @param station undefined for a weight */
export function wordsFor({ last, system }: Engine, station: Station | undefined): Words {
  if (station?.layout === undefined || !last) return NUMBERS;
  const { layout, shape } = station;
  const { config } = system.model;
  const { inputs } = last;
  const terms: Terms = { config, ids: inputs.ids, text: (id) => system.tokenizer.decode([id]) };
  const theirs = shapeOf(layout, shape, config, { images: inputs.images, tokens: inputs.ids.length });
  const place = placeInGolden(layout, theirs);
  const columns = shape.at(-1)!;
  // Of one picture nobody asks which.
  const plain = (words: string) =>
    inputs.images === 1 ? words.replace(/\bimage 0, |, image 0$|, image 0(?=, )/, '') : words;
  return {
    row: (row) => plain(describeRow(layout, theirs, row, terms)),
    column: (column) => describeColumn(layout, theirs, column, terms),
    cell: (row, column) => plain(describeElement(layout, theirs, place(row * columns + column), terms)),
  };
}
