import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FUSED_ARGUMENTS } from './multiply-add.ts';
import type { Rung } from './rung.ts';

/** `x[M, K] · w[N, K]ᵀ`, with `M` rows of x. */
export interface Shape {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

export type Request =
  | { readonly prepare: string; readonly shape: Shape; readonly threads: number }
  | { readonly run: true };
export type Answer = { readonly milliseconds: number } | { readonly failed: string };

/**
 * A rung in a process of its own. It must be: V8 optimises for what a process has seen. Once any buffer was detached, every
 * access to a typed array checks for it, and plain loops take up to twice as long.
 */
export interface RungProcess {
  /** Lays a problem out, runs it and compares the result with float64. */
  prepare(shape: Shape, threads: number): Promise<void>;
  /** @returns milliseconds, by the clock of that process */
  run(): Promise<number>;
  close(): void;
}

/** @throws (each method rejects with) Error when a result is wrong, or the process ends */
export function startRung({ name, instructions }: Rung): RungProcess {
  const child = fork(fileURLToPath(new URL('rung-child.ts', import.meta.url)), {
    execArgv: [...(instructions === 'fused' ? FUSED_ARGUMENTS : []), '--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ask = (request: Request) =>
    new Promise<number>((resolve, reject) => {
      const exited = () => reject(new Error(`${name}: its process ended`));
      child.once('exit', exited);
      child.once('message', (answer: Answer) => {
        child.off('exit', exited);
        if ('failed' in answer) reject(new Error(answer.failed));
        else resolve(answer.milliseconds);
      });
      child.send(request);
    });
  return {
    async prepare(shape, threads) {
      await ask({ prepare: name, shape, threads });
    },
    run: () => ask({ run: true }),
    close: () => child.kill(),
  };
}
