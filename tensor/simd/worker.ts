import { inNode } from '../node.ts';
import { type Shared, walker } from './commands.ts';

/** The life of a worker: it sleeps until there are commands, and runs them. Its text is all that it gets. */
function work(shared: Shared, makeWalker: typeof walker): void {
  const { words, layout } = shared;
  const walk = makeWalker(shared, true);
  /** About 16 µs, and not longer as at a barrier: between two lists there may be nothing to do for long, and others want the processor. */
  const SPINS = 2000;
  let at = 0;
  for (;;) {
    for (let spins = 0; Atomics.load(words, layout.published) === at; spins++) {
      if (spins < SPINS) continue;
      Atomics.add(words, layout.asleep, 1);
      Atomics.wait(words, layout.published, at);
      Atomics.sub(words, layout.asleep, 1);
    }
    // It says that it is inside before it looks where the list begins, and the program gives no place to another
    // command until no worker is inside: so no worker reads two commands as one.
    Atomics.add(words, layout.inside, 1);
    const first = Atomics.load(words, layout.first);
    if (((first - at) | 0) > 0) at = first;
    try {
      at = walk(at);
    } catch {
      at = Atomics.load(words, layout.published); // the list says what failed
    }
    Atomics.sub(words, layout.inside, 1);
    Atomics.notify(words, layout.inside);
  }
}

export interface StartedWorker {
  terminate(): unknown;
}

/**
 * Starts a worker. It is made of its functions' texts, so that it needs no file of its own in a page and no loader in Node.
 *
 * @param lost called when it ends, for any reason
 */
export async function startWorker(shared: Shared, lost: () => void): Promise<StartedWorker> {
  // The TypeScript loader wraps inner functions in a call of __name.
  const text = `const __name = (value) => value; const start = (shared) => (${work})(shared, ${walker});`;
  if (inNode) {
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker(`${text} start(require('node:worker_threads').workerData);`, {
      eval: true,
      workerData: shared,
    });
    worker.on('error', lost).on('exit', lost);
    worker.unref();
    return worker;
  }
  const url = URL.createObjectURL(new Blob([`${text} onmessage = ({ data }) => start(data);`]));
  const worker = new Worker(url);
  worker.onerror = lost;
  worker.postMessage(shared);
  return worker;
}
