import { Worker } from 'node:worker_threads';
import { type FromWorker, MOST_MILLISECONDS, PLACE, type ToWorker } from './protocol.ts';

/** What a job came to. */
export interface Tally {
  accepted: number;
  rejected: number;
  seconds: number;
  readonly failures: Failure[];
}

export interface Failure {
  readonly number: number;
  readonly error: string;
}

/** Runs jobs in a worker, and begins another where one was killed. */
export interface Fuzzer {
  /** @param signal ends it early, with what was found by then */
  run(job: ToWorker, signal?: AbortSignal): Promise<Tally>;
  close(): Promise<void>;
}

/** A target that fails so often is not asked any more. */
const MOST_FAILURES = 10;
/** How often a worker is looked at. */
const GLANCE = 50;
/** A case that waits for nothing uses no time of the processor. */
const MOST_WAITING = 10 * MOST_MILLISECONDS;
/** The heap of a worker: V8 ends it beyond. */
const MOST_HEAP = 256;

/** @param table the URL of a module that exports `targets` */
export function createFuzzer(table: URL): Fuzzer {
  const shared = new SharedArrayBuffer(4 * Object.keys(PLACE).length);
  const places = new Int32Array(shared);
  let worker: Worker | undefined;

  async function ready(): Promise<Worker> {
    if (worker) return worker;
    const made = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: { table: table.href, shared },
      resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP },
    });
    await new Promise<void>((resolve, reject) => made.once('message', () => resolve()).once('error', reject));
    made.on('error', () => {}); // also of one that is being ended
    worker = made;
    return made;
  }

  async function stop(): Promise<void> {
    await worker?.terminate();
    worker = undefined;
  }

  /** Runs cases until all are done, or one ends the worker: its fault is returned. */
  async function attempt(job: ToWorker, failures: Failure[], signal?: AbortSignal): Promise<string | undefined> {
    const current = await ready();
    return new Promise((resolve) => {
      let [seen, since, cpu] = [-1, performance.now(), process.cpuUsage()];
      const glance = setInterval(() => {
        const number = Atomics.load(places, PLACE.number);
        if (signal?.aborted || failures.length >= MOST_FAILURES) end(undefined, true);
        if (number !== seen) [seen, since, cpu] = [number, performance.now(), process.cpuUsage()];
        // On a machine that is busy with other things a case may wait long for its second of the processor.
        const { user, system } = process.cpuUsage(cpu);
        const waited = performance.now() - since;
        const worked = Math.min(waited, (user + system) / 1000);
        if (worked > MOST_MILLISECONDS || waited > MOST_WAITING) end(`hang: over ${Math.round(worked)} ms`, true);
      }, GLANCE);
      const end = async (fault: string | undefined, kill = false) => {
        clearInterval(glance);
        current.off('message', onMessage).off('error', onError).off('exit', onExit);
        if (kill) await stop();
        resolve(fault);
      };
      const onMessage = (message: FromWorker) => {
        if (message === 'done') end(undefined);
        else if (typeof message === 'object') failures.push(message);
      };
      const onError = (error: Error) => end(`crash: ${error.stack ?? error}`, true);
      const onExit = () => end('crash: the worker ended', true);
      current.on('message', onMessage).once('error', onError).once('exit', onExit);
      current.postMessage(job);
    });
  }

  return {
    async run(job, signal) {
      const start = performance.now();
      const failures: Failure[] = [];
      places.fill(0);
      let left = job;
      for (;;) {
        if ('from' in left) Atomics.store(places, PLACE.number, left.from);
        const fault = await attempt(left, failures, signal);
        if (fault === undefined) break;
        const number = Atomics.load(places, PLACE.number);
        failures.push({ number, error: fault });
        if (!('from' in left) || failures.length >= MOST_FAILURES) break;
        left = { ...left, from: number + 1 };
      }
      const [accepted, rejected] = [places[PLACE.accepted], places[PLACE.rejected]];
      return { accepted, rejected, seconds: (performance.now() - start) / 1000, failures };
    },
    close: stop,
  };
}
