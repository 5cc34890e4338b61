/** Work that runs when its turn comes; it reports its own failures. `cancelled` is told that the turn will not come. */
export interface Job {
  /** @param now when its turn came, by `performance.now()` */
  run(now: number): void | Promise<void>;
  /** Absent for work that must happen even when the rest is given up, such as freeing memory. */
  cancelled?(reason: unknown): void;
}

/** The in-order queue of a device: load, dispatch, read and free all pass through it, on synchronous devices too. */
export interface Queue {
  push(job: Job): void;
  /** Gives up what has not started. Jobs without `cancelled` still run. */
  cancel(reason: unknown): void;
  /** Resolves when everything pushed so far has run. */
  idle(): Promise<void>;
}

/** Lets everything else that waits have its turn: timers in browsers take at least a millisecond, or four. */
const nextTurn: (resolve: () => void) => void =
  typeof setImmediate === 'function' ? setImmediate : (resolve) => setTimeout(resolve);

/** How long jobs may run before timers, signals and input get a turn. */
const TURN_MILLISECONDS = 50;

const DONE: Job = { run: () => undefined };

/** @param emptied called whenever nothing is left to run */
export function createQueue(emptied: () => void = () => undefined): Queue {
  let jobs: Job[] = [];
  let next = 0; // the jobs before it have run: taking each off the front would move all others, every time
  let pumping: Promise<void> | undefined;
  // Counted through pumps: a caller that reads and goes on at once, token after token, would starve everything else.
  let turn = performance.now();
  let noting = false;

  /** While nothing is left to run here, others may have their turn unasked. */
  function noteNextTurn(): void {
    if (noting) return;
    noting = true;
    nextTurn(() => {
      noting = false;
      turn = performance.now();
    });
  }

  function take(): Job | undefined {
    const job: Job | undefined = jobs[next];
    jobs[next++] = DONE; // what it holds may be large
    if (next > jobs.length / 2) {
      jobs = jobs.slice(next);
      next = 0;
    }
    return job;
  }

  async function pump(): Promise<void> {
    await Promise.resolve(); // the caller returns before any work starts
    let now = performance.now();
    for (let job = take(); job; job = take()) {
      const pending = job.run(now);
      if (pending) await pending;
      now = performance.now();
      if (now - turn > TURN_MILLISECONDS) {
        await new Promise<void>(nextTurn);
        turn = performance.now();
        now = turn;
      }
    }
    emptied();
    noteNextTurn();
    pumping = undefined;
  }

  return {
    push(job) {
      jobs.push(job);
      pumping ??= pump();
    },
    cancel(reason) {
      const waiting = jobs.slice(next);
      next = 0;
      jobs = waiting.filter((job) => !job.cancelled);
      for (const job of waiting) job.cancelled?.(reason);
    },
    async idle() {
      while (pumping) await pumping;
    },
  };
}
