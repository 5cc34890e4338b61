import { type Caller, createCaller } from '../../../tensor/caller.ts';
import { scope } from '../../../tensor/scope.ts';
import { type Listener, withListener } from '../../../tensor/tap.ts';
import { read, type Tensor, tensor } from '../../../tensor/tensor.ts';
import { InputError } from '../../error.ts';
import { adaptFeatures, encodePatches, type Model } from '../../model/qwen-vl.ts';
import { type Engine, type Exchange, lastExchange } from './engine.ts';

/** What the model saw in the pictures of an exchange. */
export interface Seen {
  /** `[B·Q, C]` */
  readonly features: Float32Array;
  /** For each picture which patches the adapter's rows read: `transformer.visual.attn_pool.attn.probs`, `[H·Q, L]`. */
  readonly adapter: readonly Float32Array[];
}

/** The pixels of one picture of several: `[3·S, S]`. */
export function pictureOf({ inputs: { pixels, images, size } }: Exchange, picture: number): Float32Array {
  const area = 3 * size * size;
  if (Number.isInteger(picture) && picture >= 0 && picture < images) {
    return pixels.subarray(picture * area, (picture + 1) * area);
  }
  throw new InputError('picture', `${picture}, the question has ${images}`, 'choose one of them');
}

/** Of the adapter: which patches its rows read. */
export const ADAPTER_PROBABILITIES = 'transformer.visual.attn_pool.attn.probs';

const known = new WeakMap<Exchange, Seen>();

/** Looks at the pictures of the last exchange again, one by one as for the answer, and remembers what was seen. */
export async function seenIn(engine: Engine, signal: AbortSignal): Promise<Seen> {
  const exchange = lastExchange(engine);
  const before = known.get(exchange);
  if (before) return before;
  const { model } = engine.system;
  return using(engine, signal, async (caller) => {
    const pictures = Array.from({ length: exchange.inputs.images }, (_, picture) => pictureOf(exchange, picture));
    const adapter: Promise<ArrayLike<number>>[] = [];
    const take: Listener = (_, probabilities) => void adapter.push(read(probabilities));
    const look = (pixels: Float32Array) =>
      withListener(
        take,
        () => scope(() => ({ read: read(encoded(model, pixels)) })),
        (name) => name === ADAPTER_PROBABILITIES,
      );
    const features = caller.launch(() => pictures.map(look));
    const seen = {
      features: joined(await Promise.all(features.map(({ read }) => read))),
      adapter: (await Promise.all(adapter)).map((each) => Float32Array.from(each)),
    };
    known.set(exchange, seen);
    return seen;
  });
}

/** Pictures, `[B·3·S, S]` → features, `[B·Q, C]`. */
export function encoded(model: Model, pixels: Float32Array): Tensor {
  const { image_size: size } = model.config.visual;
  const uploaded = tensor(model.device, pixels, [pixels.length / size, size], { label: 'pixels' });
  return adaptFeatures(model, encodePatches(model, uploaded));
}

/** Uses the device in the name of one who may give it up. */
export async function using<Result>(
  { device }: Engine,
  signal: AbortSignal,
  work: (caller: Caller) => Promise<Result>,
): Promise<Result> {
  const caller = createCaller(device, signal);
  try {
    return await work(caller);
  } finally {
    caller.leave();
  }
}

/** The same numbers, one part after the other. */
export function joined(parts: readonly ArrayLike<number>[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let from = 0;
  for (const part of parts) {
    all.set(part, from);
    from += part.length;
  }
  return all;
}
