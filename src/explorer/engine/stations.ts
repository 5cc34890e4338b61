import { patchGrid } from '../../architecture/config.ts';
import { recordingOf } from './recording.ts';
import type { Context } from './service.ts';
import { inReadingOrder, type Station } from './station.ts';

/** What the list of the walk is made of. */
export interface Stations {
  readonly stations: readonly Station[];
  /** Of the weights, which are looked into from a cell's terms. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
  /** Patches a side of a picture. */
  readonly grid: number;
}

/** Every station of the pass over the last exchange's prompt: what gave the first token of its answer. */
export async function stations(_: undefined, context: Context<never>): Promise<Stations> {
  const engine = context.engine();
  const { stations } = await recordingOf(engine);
  const { weights, config } = engine.system.model;
  return {
    stations: inReadingOrder([...new Set(stations.values())]),
    weights: Object.fromEntries(Object.entries(weights).map(([name, { shape }]) => [name, shape])),
    grid: patchGrid(config.visual),
  };
}
