import { elements } from '../../../tensor/tensor.ts';
import { InputError } from '../../error.ts';
import { quote } from '../../quote.ts';
import { type Inputs, type Term, total } from './cell/sum.ts';
import { unfoldOf } from './cell/unfold.ts';
import { type Recording, recordingOf } from './recording.ts';
import type { Context } from './service.ts';
import type { Made } from './station.ts';
import { wordsFor } from './words.ts';

export interface CellArgument {
  readonly station: string;
  readonly row: number;
  readonly column: number;
}

/** Terms as the page shows them: the largest, and what all others come to. */
export interface ShownTerms {
  readonly largest: readonly Term[];
  readonly others: { readonly count: number; readonly value: number };
  /** Of all. */
  readonly value: number;
}

export interface CellResult {
  /** As the device computed it. */
  readonly value: number;
  readonly words: string;
  /** Undefined where nothing is computed: what the host gives, and weights. */
  readonly sum?: {
    readonly terms: ShownTerms;
    readonly steps: readonly { readonly name: string; readonly value: number; readonly terms?: ShownTerms }[];
    /** Where each input comes from. */
    readonly from: Readonly<Record<string, string>>;
    /** What rounding is relative to. */
    readonly scale: number;
  };
}

/** How one cell of a station came about: the sum that made it, in float64, of what the operation really was given. */
export async function cell({ station: name, row, column }: CellArgument, context: Context<never>): Promise<CellResult> {
  const engine = context.engine();
  const recording = await recordingOf(engine);
  const [{ shape, row: rowOf }] = await recording.values(name);
  const width = shape.at(-1)!;
  const height = elements(shape) / width;
  if (!isIndex(row, height) || !isIndex(column, width)) {
    const expected = `expected one of ${height} × ${width}`;
    throw new InputError('walk', `${quote(name)} has no cell ${row}, ${column}, ${expected}`, 'choose one of the map');
  }
  const station = recording.stations.get(name);
  const shown = { value: (await rowOf(row))[column], words: wordsFor(engine, station).cell(row, column) };
  const unfold = station?.made && unfoldOf(station.made.operation);
  if (!unfold) return shown;
  const { inputs, sizes } = station.made;
  const { terms, steps = [], scale } = await unfold(await inputsOf(recording, station.made), sizes, row, column);
  return {
    ...shown,
    sum: {
      terms: largestOf(terms),
      steps: steps.map(({ terms, ...step }) => ({ ...step, ...(terms && { terms: largestOf(terms) }) })),
      from: Object.fromEntries(inputs.map(({ input, from }) => [input, from])),
      scale: scale ?? terms.reduce((sum, { value }) => sum + Math.abs(value), 0),
    },
  };
}

const isIndex = (value: number, count: number): boolean => Number.isInteger(value) && value >= 0 && value < count;

async function inputsOf({ values }: Recording, { inputs }: Made): Promise<Inputs> {
  const found = await values(...inputs.map(({ from }) => from));
  return Object.fromEntries(inputs.map(({ input }, i) => [input, found[i]]));
}

const SHOWN = 12;

function largestOf(terms: readonly Term[]): ShownTerms {
  const sorted = terms.length > SHOWN ? [...terms].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)) : terms;
  const others = sorted.slice(SHOWN);
  return {
    largest: sorted.slice(0, SHOWN),
    others: { count: others.length, value: total(others) },
    value: total(terms),
  };
}
