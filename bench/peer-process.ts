import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../src/architecture/config.ts';
import type { Subject } from './measure.ts';
import type { BlockEngineName, BlockSize } from './peer-blocks.ts';
import type { EngineName } from './peer-engines.ts';
import type { Shape } from './product-data.ts';

export type Request =
  | { readonly engine: EngineName; readonly packages: string; readonly shape: Shape; readonly threads: number }
  | { readonly engine: BlockEngineName; readonly packages: string; readonly config: Config; readonly size: BlockSize }
  | { readonly run: true };
/** `samples`: some elements of the first result, that tell whether it is right. */
export type Answer = { readonly samples: number[] } | { readonly milliseconds: number } | { readonly failed: string };

/** Work in another engine, in a process of its own: its threads, its memory and its failures stay there. */
export interface Peer extends Subject {
  close(): void;
}

/**
 * @param request the first: what is to be run
 * @param check throws where the engine has computed something else
 * @throws (rejects with) Error when the engine does not start here, and what `check` throws
 */
export async function startPeer(
  request: Exclude<Request, { run: true }>,
  check: (samples: readonly number[]) => void,
): Promise<Peer> {
  const { engine } = request;
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
    const answer = await ask(request);
    if ('samples' in answer) check(answer.samples);
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
