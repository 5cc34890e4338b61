import { computed, signal } from '@preact/signals';
import type { Station } from '../../engine/station.ts';
import type { Stations } from '../../engine/stations.ts';
import { inAddress } from '../address.ts';
import { call } from '../engine.ts';
import { ensureAsked, type PageExchange } from '../exchange.ts';

/** A place in the pass: a cell of a station, or of a weight. */
export interface Place {
  readonly station: string;
  readonly row: number;
  readonly column: number;
}

/** In the address: which station is looked at, and which of its cells is taken apart, as `row,column`. */
export const stationName = inAddress('station', '');
const cellText = inAddress('cell', '');

/** What there is to walk through. */
export interface Walk extends Stations {
  readonly exchange: PageExchange;
  /** Another one for another exchange: it has other numbers. */
  readonly number: number;
}

let walks = 0;

/** A sentence where there is nothing; undefined while it is on its way. */
export const walk = signal<Walk | string | undefined>(undefined);

/** What the list says of the station that is looked at: the first one, where the address names none. */
export const station = computed((): Station | undefined => {
  if (typeof walk.value !== 'object') return undefined;
  const { stations } = walk.value;
  const name = stationName.value;
  return stations.find((each) => each.name === name || each.aliases.includes(name)) ?? (name ? undefined : stations[0]);
});

/** The tensor that is looked at, a weight too; undefined for what the address names and the pass has not. */
export const tensor = computed((): { readonly name: string; readonly shape: readonly number[] } | undefined => {
  if (station.value) return station.value;
  if (typeof walk.value !== 'object') return undefined;
  const { weights } = walk.value;
  const name = stationName.value;
  return Object.hasOwn(weights, name) ? { name, shape: weights[name] } : undefined;
});

/** The cell that is taken apart, if it is one of the tensor. */
export const cell = computed((): Place | undefined => {
  if (!tensor.value || !/^\d{1,9},\d{1,9}$/.test(cellText.value)) return undefined;
  const [row, column] = cellText.value.split(',').map(Number);
  const { rows, columns } = sizeOf(tensor.value.shape);
  return row < rows && column < columns ? { station: tensor.value.name, row, column } : undefined;
});

/** Where the keyboard is on the map. */
export const cursor = signal<{ readonly row: number; readonly column: number }>({ row: 0, column: 0 });

/** The cells that led here, from the first to the last before this one. */
export const trail = signal<readonly Place[]>([]);

/** As a matrix: rows of the last dimension. */
export function sizeOf(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: shape.slice(0, -1).reduce((a, b) => a * b, 1), columns };
}

/** Looks at another tensor, of which no cell is taken apart yet. */
export function goTo(name: string): void {
  trail.value = [];
  stationName.value = name;
  cellText.value = '';
  cursor.value = { row: 0, column: 0 };
}

/** Takes a cell apart. */
export function open({ station, row, column }: Place): void {
  stationName.value = station;
  cellText.value = `${row},${column}`;
  cursor.value = { row, column };
}

/** From a tensor on to one that it is made of. */
export function walkOnTo(name: string): void {
  const from = cell.value;
  const before = trail.value;
  goTo(name);
  if (from) trail.value = [...before, from];
}

/** From a cell on to one that it is made of. */
export function walkOn(to: Place): void {
  if (cell.value) trail.value = [...trail.value, cell.value];
  open(to);
}

/** Back to a cell of the trail; what came after it is forgotten. */
export function walkBack(index: number): void {
  const to = trail.value[index];
  trail.value = trail.value.slice(0, index);
  open(to);
}

/** Asks what there is to walk through, if the exchange is another one. */
export async function walkAgain(): Promise<void> {
  try {
    const exchange = await ensureAsked();
    if (!exchange) {
      walk.value = 'There is nothing to walk through: ask something first.';
      return;
    }
    if (typeof walk.value === 'object' && walk.value.exchange === exchange) return;
    walk.value = { exchange, number: walks++, ...(await call('stations', undefined)) };
    cursor.value = cell.value ?? { row: 0, column: 0 };
  } catch (error) {
    walk.value = (error as Error).message;
  }
}
