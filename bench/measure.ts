/** What is timed: one run of it, in milliseconds by a clock of its own choice. */
export interface Subject {
  readonly name: string;
  run(): Promise<number>;
}

/** Milliseconds of some runs. */
export interface Timing {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly runs: number;
}

/** Runs before the first that counts: engines compile what is called often. */
const WARM_UP = 2;

/** Subjects that take longer than this are run less often. */
const PATIENCE_MILLISECONDS = 8000;

/**
 * Times subjects in turns, so that whatever else the machine does meets all of them alike.
 *
 * @returns the timings in the order of the subjects
 */
export async function inTurns(subjects: readonly Subject[], runs: number): Promise<Timing[]> {
  const times = subjects.map((): number[] => []);
  const spent = subjects.map(() => 0);
  for (let turn = -WARM_UP; turn < runs; turn++) {
    for (const [i, subject] of subjects.entries()) {
      if (turn > -WARM_UP && spent[i] > PATIENCE_MILLISECONDS) continue;
      const time = await subject.run();
      spent[i] += time;
      if (turn >= 0 || spent[i] > PATIENCE_MILLISECONDS) times[i].push(time);
    }
  }
  return times.map(summary);
}

export function summary(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, least: sorted[0], most: sorted.at(-1)!, runs: sorted.length };
}

/** The time of some work, promises included. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
