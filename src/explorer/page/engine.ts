import type { ArgumentOf, FromEngine, ReportOf, ResultOf, ServiceName, ToEngine } from '../engine/services.ts';

/** An error of the engine, in a sentence that the page can show. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

interface Call {
  report(news: unknown): void;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

let worker: Worker | undefined;
let next = 0;
const calls = new Map<number, Call>();

/** The engine's thread. One that has stopped is started anew, without a model. */
function started(): Worker {
  if (worker) return worker;
  const made = new Worker(new URL('../engine/worker.ts', import.meta.url), { type: 'module', name: 'engine' });
  made.onmessage = ({ data }: MessageEvent<FromEngine>) => {
    const call = calls.get(data.call);
    if (!call) return;
    if ('report' in data) return call.report(data.report);
    calls.delete(data.call);
    if ('error' in data) call.reject(new EngineError(data.error.message));
    else call.resolve(data.result);
  };
  made.onerror = (event) => {
    event.preventDefault();
    stopEngine(`the engine's thread has stopped${event.message ? `: ${event.message}` : ''}; open the model again`);
  };
  worker = made;
  return made;
}

/** Ends the engine's thread with all that it was doing. @param why what its callers are told */
export function stopEngine(why: string): void {
  worker?.terminate();
  worker = undefined;
  for (const { reject } of [...calls.values()]) reject(new EngineError(why));
  calls.clear();
  for (const listener of stopped) listener(why);
}

const stopped = new Set<(why: string) => void>();

/** Tells whenever the engine's thread has ended. */
export const onEngineStopped = (listener: (why: string) => void): void => void stopped.add(listener);

/**
 * Has the engine do something.
 *
 * @param options.onReport told on the way
 * @param options.signal gives it up: the promise is rejected with its reason
 * @throws EngineError
 */
export function call<Name extends ServiceName>(
  service: Name,
  argument: ArgumentOf<Name>,
  { onReport, signal }: { onReport?: (report: ReportOf<Name>) => void; signal?: AbortSignal } = {},
): Promise<ResultOf<Name>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const id = next++;
    const engine = started();
    const post = (message: ToEngine) => engine.postMessage(message);
    const abort = () => {
      post({ call: id, abort: true });
      calls.delete(id);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    const done = () => signal?.removeEventListener('abort', abort);
    calls.set(id, {
      // What comes belongs to the service that was called.
      report: (news) => onReport?.(news as ReportOf<Name>),
      resolve(result) {
        done();
        resolve(result as ResultOf<Name>);
      },
      reject(error) {
        done();
        reject(error);
      },
    });
    post({ call: id, service, argument });
  });
}
