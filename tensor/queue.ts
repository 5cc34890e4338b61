/** Work that runs when its turn comes; it reports its own failures. `cancelled` is told that the turn will not come. */
export interface Job {
  /** @param now when its turn came, by `performance.now()` */
  run(now: number): void | Promise<void>;
  /** Absent for work that must happen even when the rest is given up, such as freeing memory. */
  cancelled?(reason: unknown): void;
  /** Whose it is; the queue notes it. */
  owner?: object;
}

/** The in-order queue of a device: load, dispatch, read and free all pass through it, on synchronous devices too. */
export interface Queue {
  push(job: Job): void;
  /** What is pushed while `work` runs belongs to `owner`. Only for synchronous work: no other caller may push in the middle of it. */
  owned<Result>(owner: object, work: () => Result): Result;
  /** Gives up what has not started: of one owner, or everything. Jobs without `cancelled` still run. */
  cancel(reason: unknown, owner?: object): void;
  /** Resolves when everything pushed so far has run; rejects when that is given up. */
  reached(): Promise<void>;
  /** Resolves when nothing is left to run, of any caller: while others go on pushing, that takes as long as they do. */
  idle(): Promise<void>;
}

/** Lets everything else that waits have its turn: timers in browsers take at least a millisecond, or four. */
const nextTurn: (resolve: () => void) => void =
  typeof setImmediate === 'function' ? setImmediate : (resolve) => setTimeout(resolve);

/** How long jobs may run before timers, signals and input get a turn. */
const TURN_MILLISECONDS = 50;

const DONE: Job = { run: () => undefined };

/** @param emptied called whenever nothing is left to run, or a caller waits for what was pushed so far; must not throw */
export function createQueue(emptied: () => void = () => undefined): Queue {
  let jobs: Job[] = [];
  let next = 0; // the jobs before it have run: taking each off the front would move all others, every time
  let owner: object | undefined;
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

  function push(job: Job): void {
    if (owner) job.owner = owner;
    jobs.push(job);
    pumping ??= pump();
  }

  return {
    push,
    owned(whose, work) {
      const before = owner;
      owner = whose;
      try {
        return work();
      } finally {
        owner = before;
      }
    },
    cancel(reason, whose) {
      const givenUp = (job: Job) => job.cancelled && (!whose || job.owner === whose);
      const waiting = jobs.slice(next);
      next = 0;
      jobs = waiting.filter((job) => !givenUp(job));
      for (const job of waiting) if (givenUp(job)) job.cancelled!(reason);
    },
    reached() {
      return new Promise((resolve, reject) => {
        const run = () => {
          emptied();
          resolve();
        };
        push({ run, cancelled: reject });
      });
    },
    async idle() {
      while (pumping) await pumping;
    },
  };
}
