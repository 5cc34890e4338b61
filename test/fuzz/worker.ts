/** Runs cases in a thread that can be killed: what hangs here hangs nobody else. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../src/error.ts';
import { type FromWorker, MOST_BYTES, PLACE, type ToWorker, type WorkerData } from './protocol.ts';
import { randomOf } from './random.ts';
import type { Input, Target } from './target.ts';

const { table, shared } = workerData as WorkerData;
const { targets } = (await import(table)) as { targets: Readonly<Record<string, Target>> };
const places = new Int32Array(shared);
const tell = (message: FromWorker) => parentPort?.postMessage(message);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes outside the heap, which is limited by itself: buffers and the memories of WebAssembly. */
const outside = () => getHeapStatistics().external_memory;

/** Whether the target takes an input. @throws whatever is no InputError of one line, and for memory beyond the limit */
async function accepts(target: Target, input: Input): Promise<boolean> {
  if (outside() > MOST_BYTES / 4) collectGarbage();
  const before = outside();
  let accepted = true;
  try {
    await target.run(input);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (!/^[^\p{Cc}\u2028\u2029]{1,4000}$/u.test(error.message)) throw new Error(`no line: ${error.message}`);
    accepted = false;
  }
  const grown = outside() - before;
  if (grown > MOST_BYTES) throw new Error(`memory: ${Math.round(grown / 2 ** 20)} MB in one case`);
  return accepted;
}

parentPort?.on('message', async (job: ToWorker) => {
  const target = targets[job.target];
  const cases = 'input' in job ? { from: 0, to: 1 } : job;
  for (let number = cases.from; number < cases.to; number++) {
    Atomics.store(places, PLACE.number, number);
    try {
      const input = 'input' in job ? job.input : target.make(randomOf(job.seed, job.target, number));
      Atomics.add(places, (await accepts(target, input)) ? PLACE.accepted : PLACE.rejected, 1);
    } catch (error) {
      tell({ number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  Atomics.store(places, PLACE.number, cases.to);
  tell('done');
});
tell('ready');
