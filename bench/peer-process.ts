import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Subject } from './measure.ts';
import type { EngineName } from './peer-engines.ts';
import { checkSamples, type Shape } from './product-data.ts';

export type Request =
  | { readonly engine: EngineName; readonly packages: string; readonly shape: Shape; readonly threads: number }
  | { readonly run: true };
export type Answer = { readonly samples: number[] } | { readonly milliseconds: number } | { readonly failed: string };

/** A product in another engine, in a process of its own: its threads, its memory and its failures stay there. */
export interface PeerProduct extends Subject {
  close(): void;
}

/**
 * @param packages a file in the folder where the engine is installed
 * @throws (rejects with) Error when the engine does not start here, or computes something else
 */
export async function peerProduct(
  engine: EngineName,
  packages: string,
  shape: Shape,
  threads: number,
): Promise<PeerProduct> {
  const child = fork(fileURLToPath(new URL('peer-child.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors = `${errors}${chunk}`.slice(-500);
  });
  const ask = (request: Request) =>
    new Promise<Answer>((resolve, reject) => {
      const exited = () => reject(new Error(`${engine}: its process ended: ${errors.trim()}`));
      child.once('exit', exited);
      child.once('message', (answer: Answer) => {
        child.off('exit', exited);
        if ('failed' in answer) reject(new Error(`${engine}: ${answer.failed}`));
        else resolve(answer);
      });
      child.send(request);
    });
  try {
    const answer = await ask({ engine, packages, shape, threads });
    if ('samples' in answer) checkSamples(engine, shape, answer.samples);
  } catch (error) {
    child.kill();
    throw error;
  }
  return {
    name: engine,
    async run() {
      const answer = await ask({ run: true });
      return 'milliseconds' in answer ? answer.milliseconds : Number.NaN;
    },
    close: () => child.kill(),
  };
}
