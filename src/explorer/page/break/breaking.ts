import { signal } from '@preact/signals';
import type { Breakable, Broken, Thrown } from '../../engine/broken/break.ts';
import { call } from '../engine.ts';
import type { Looking } from '../look/looking.ts';
import { textOf } from './state.ts';

/** What can be thrown, once it is known. */
export const switches = signal<readonly Breakable[] | undefined>(undefined);

/** The last time that a model was broken. */
export interface Breaking {
  readonly looking: Looking;
  /** The switches that were thrown. */
  readonly off: string;
  readonly result: Broken | undefined;
  readonly error: string | undefined;
  /** While it runs. */
  readonly stop: AbortController | undefined;
  readonly doing: string | undefined;
}

export const breaking = signal<Breaking | undefined>(undefined);

/** Breaks the model and asks again. What runs already is stopped. */
export async function breakModel(looking: Looking, thrown: readonly Thrown[]): Promise<void> {
  stopBreaking();
  const stop = new AbortController();
  const about = { looking, off: textOf(thrown) };
  const show = (more: Partial<Breaking>) => {
    if (breaking.peek()?.stop === stop) breaking.value = { ...breaking.peek()!, ...more };
  };
  breaking.value = { ...about, result: undefined, error: undefined, stop, doing: undefined };
  try {
    const options = { signal: stop.signal, onReport: ({ doing }: { doing: string }) => show({ doing }) };
    show({ result: await call('breakIt', { thrown }, options), stop: undefined });
  } catch (error) {
    show({ error: stop.signal.aborted ? undefined : (error as Error).message, stop: undefined });
  }
}

export const stopBreaking = (): void => breaking.peek()?.stop?.abort();
