import { signal } from '@preact/signals';
import { call } from '../engine.ts';
import type { Looking } from './looking.ts';

/** What hiding each tile of a picture did to every token of the answer. */
export interface Occlusion {
  readonly looking: Looking;
  readonly picture: number;
  /** Tiles a side. */
  readonly side: number;
  /** `[side², n]` in nats; NaN where it is not known yet. */
  readonly changes: Float32Array;
  readonly done: number;
  /** While it runs. */
  readonly stop: AbortController | undefined;
  readonly error: string | undefined;
}

/** The last one. */
export const occlusion = signal<Occlusion | undefined>(undefined);

/** Hides tile by tile. One that runs is stopped. */
export async function occludePicture(looking: Looking, picture: number, side: number): Promise<void> {
  stopOccluding();
  const stop = new AbortController();
  const n = looking.answer.length;
  const changes = new Float32Array(side * side * n).fill(Number.NaN);
  const about = { looking, picture, side };
  const show = (done: number, more: Partial<Occlusion> = {}) => {
    if (occlusion.peek()?.stop !== stop) return;
    occlusion.value = { ...about, changes: changes.slice(), done, stop, error: undefined, ...more };
  };
  let done = 0;
  occlusion.value = { ...about, changes, done, stop, error: undefined };
  try {
    await call(
      'occlude',
      { picture, side },
      {
        signal: stop.signal,
        onReport(found) {
          changes.set(found.changes, found.first * n);
          done += found.changes.length / n;
          show(done);
        },
      },
    );
    show(done, { stop: undefined });
  } catch (error) {
    show(done, { stop: undefined, error: stop.signal.aborted ? undefined : (error as Error).message });
  }
}

/** What was found so far stays. */
export function stopOccluding(): void {
  occlusion.peek()?.stop?.abort();
}
