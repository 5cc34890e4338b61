import type { ArgumentOf, FromEngine, ReportOf, ResultOf, ServiceName, ToEngine } from '../engine/services.ts';

/** An error of the engine, in a sentence that the page can show. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  /** @param kind what the error was called in the engine */
  constructor(
    message: string,
    readonly kind = 'EngineError',
  ) {
    super(message);
  }
}

interface Call {
  report(news: unknown): void;
  resolve(result: unknown): void;
  reject(error: EngineError): void;
}

let worker: Worker | undefined;
let next = 0;
const calls = new Map<number, Call>();

/** The engine's thread. One that has stopped is started anew, without a model. */
function started(): Worker {
  if (worker) return worker;
  const made = new Worker(new URL('../engine/worker.ts', import.meta.url), { type: 'module', name: 'engine' });
  made.onmessage = ({ data }: MessageEvent<FromEngine>) => {
    if ('lock' in data) {
      void navigator.locks.request(data.lock, () => {
        if (worker === made) stopEngine(STOPPED);
      });
      return;
    }
    const call = calls.get(data.call);
    if (!call) return;
    if ('report' in data) return call.report(data.report);
    calls.delete(data.call);
    if ('error' in data) call.reject(errorOf(data.error));
    else call.resolve(data.result);
  };
  made.onerror = (event) => {
    event.preventDefault();
    if (worker === made) stopEngine(event.message ? `${STOPPED} (${event.message})` : STOPPED);
  };
  worker = made;
  return made;
}

const STOPPED = 'the engine’s thread has stopped: open the model again';

/** Told of what the engine cannot go on after: a device that was lost, memory that ran out. */
const broken = new Set<(why: string) => void>();
export const onEngineBroken = (listener: (why: string) => void): void => void broken.add(listener);

const errorOf = ({ name, message }: { readonly name: string; readonly message: string }): EngineError =>
  new EngineError(name === 'RangeError' ? `the memory does not suffice (${message})` : message, name);

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
        // A model that does not open leaves the last one as it was.
        if (service !== 'open' && (error.kind === 'DeviceError' || error.kind === 'RangeError')) {
          for (const listener of broken) listener(error.message);
        }
        reject(error);
      },
    });
    post({ call: id, service, argument });
  });
}
