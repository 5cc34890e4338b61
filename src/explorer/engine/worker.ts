/** The engine's thread: it does one thing after another what the page asks for, and answers. */
import { InputError } from '../../error.ts';
import type { Engine } from './engine.ts';
import type { Context, Service } from './service.ts';
import { type FromEngine, services, type ToEngine } from './services.ts';

let engine: Engine | undefined;
const running = new Map<number, AbortController>();
/** Services use the device in turn: a pass that is listened to must not be mixed with another. */
let turn: Promise<unknown> = Promise.resolve();

/** A thread that ends, however it does, lets go of its locks: so the page learns of it. Pages that are not secure have none. */
const lock = `engine ${performance.timeOrigin} ${Math.random()}`;
void navigator.locks?.request(lock, () => {
  send({ lock });
  return new Promise(() => undefined);
});

const send = (message: FromEngine) => self.postMessage(message);

/** What is to be known of an error: where an operation failed because of the device or the memory, that. */
function told(error: unknown): { readonly name: string; readonly message: string } {
  const chain: Error[] = [];
  for (let next = error; next instanceof Error; next = next.cause) chain.push(next);
  const root = chain.find(({ name }) => name === 'DeviceError' || name === 'RangeError');
  const { name, message } = root ?? chain[0] ?? new Error(String(error));
  // An operation says only which one it was.
  return { name, message: name === 'Error' ? chain.map((each) => each.message).join(': ') : message };
}

self.addEventListener('message', ({ data }: MessageEvent<ToEngine>) => {
  if ('abort' in data) return running.get(data.call)?.abort();
  const { call, service, argument } = data;
  const control = new AbortController();
  running.set(call, control);
  const context: Context<unknown> = {
    engine() {
      if (!engine) throw new InputError('model', 'none is open', 'choose another device or model');
      return engine;
    },
    side: () => engine?.system.model.config.visual.image_size,
    async replace(next) {
      const before = engine;
      engine = next;
      await before?.close().catch(() => undefined); // a device that was lost says so once more
    },
    report: (report) => send({ call, report }),
    signal: control.signal,
  };
  turn = turn.then(async () => {
    try {
      control.signal.throwIfAborted();
      // Which argument belongs to which service, the page's types have checked.
      const serve = (await services[service]()) as Service<unknown, unknown, unknown>;
      const result = await serve(argument, context);
      send({ call, result });
    } catch (error) {
      send({ call, error: told(error) });
    } finally {
      running.delete(call);
    }
  });
});
