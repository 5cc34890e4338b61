import type { HostData } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { withListener } from '../../tensor/tap.ts';
import { read, type Tensor, tensor } from '../../tensor/tensor.ts';
import type { ByteSource } from '../checkpoint/byte-source.ts';
import { openSafetensors } from '../checkpoint/safetensors.ts';
import { readFloat32, readFloat64, type StoredTensor } from '../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../error.ts';
import { type Cache, createCache, decode, encodeImages, freeCache, logits, type Model } from '../model/qwen-vl.ts';
import { inGoldenOrder } from './layout.ts';
import { distance } from './metrics.ts';

/** Named activations that the original computed in float32, the main ones in float64 too. */
export interface Golden {
  readonly activations: ReadonlyMap<string, StoredTensor>;
  readonly exact: ReadonlyMap<string, StoredTensor>;
}

/** How far one activation is from the original's. */
export interface TapResult {
  readonly name: string;
  /** NMSE against PyTorch's float32. */
  readonly nmse: number;
  /** Where there is a float64 twin: our NMSE against it, and PyTorch float32's own. */
  readonly exact?: { readonly ours: number; readonly pytorch: number; readonly ratio: number };
}

export async function openGolden(activations: ByteSource, exact: ByteSource): Promise<Golden> {
  return {
    activations: (await openSafetensors(activations)).tensors,
    exact: (await openSafetensors(exact)).tensors,
  };
}

/**
 * Runs a golden's prompt, and the decoding steps that follow it, and measures every activation that the golden names.
 *
 * @throws CheckpointError when the golden lacks its inputs, or names an activation that this model does not have
 */
export async function compareGolden(model: Model, golden: Golden): Promise<TapResult[]> {
  const taken = await capture(model, golden);
  const names = [...golden.activations.keys()].filter((name) => !isInput(name));
  const missing = names.filter((name) => !taken.has(name));
  if (missing.length > 0) {
    throw new CheckpointError(
      'golden',
      `no activation is called ${missing[0]} (${missing.length} in all)`,
      'compare a golden of this model',
    );
  }
  const results: TapResult[] = [];
  for (const name of names) {
    const stored = wanted(golden.activations, name);
    const ours = inGoldenOrder(name, Float32Array.from(await wanted(taken, name)), stored.shape);
    const theirs = await readFloat32(stored);
    const { nmse } = distance(ours, theirs);
    const twin = golden.exact.get(name);
    results.push(twin ? { name, nmse, exact: against(await readFloat64(twin), ours, theirs) } : { name, nmse });
  }
  return results;
}

const isInput = (name: string) => name.startsWith('input.') || name === 'decode.tokens';

function against(exact: Float64Array, ours: Float32Array, theirs: Float32Array): NonNullable<TapResult['exact']> {
  const [mine, pytorch] = [distance(ours, exact).nmse, distance(theirs, exact).nmse];
  return { ours: mine, pytorch, ratio: mine === 0 ? 0 : mine / pytorch };
}

function wanted<Value>(map: ReadonlyMap<string, Value>, name: string): Value {
  const value = map.get(name);
  if (value === undefined) throw new CheckpointError('golden', `"${name}" is missing`, 'export the golden again');
  return value;
}

/** Our activations under the golden's names, in our order of elements. */
async function capture(model: Model, golden: Golden): Promise<Map<string, Promise<HostData>>> {
  const ids = Int32Array.from(await readFloat64(wanted(golden.activations, 'input.ids')));
  const images = wanted(golden.activations, 'input.pixels');
  const [count, , size] = images.shape;
  const pixels = await readFloat32(images);
  const tokens = golden.activations.has('decode.tokens')
    ? Int32Array.from(await readFloat64(wanted(golden.activations, 'decode.tokens')))
    : new Int32Array(0);

  const taken = new Map<string, Promise<HostData>>();
  const take = (name: string, activation: Tensor) => {
    if (golden.activations.has(name)) taken.set(name, read(activation));
  };
  const cache = createCache(model, ids.length + tokens.length);
  withListener(
    (name, activation) => void take(name, activation) as undefined,
    () =>
      scope<void>(() => {
        const features = encodeImages(model, tensor(model.device, pixels, [count * 3 * size, size]));
        const hidden = decode(model, ids, cache, { features, source: rowsOf(ids, model) });
        take('logits', logits(model, hidden));
      }),
  );
  takeCache(taken, cache, ids.length);
  for (const [step, token] of tokens.entries()) {
    scope<void>(() => take(`decode.${step}.logits`, logits(model, decode(model, Int32Array.of(token), cache))));
  }
  freeCache(cache);
  return taken;
}

/** The first block's cache after the prompt; its rest is still empty. */
function takeCache(taken: Map<string, Promise<HostData>>, cache: Cache, length: number): void {
  for (const part of ['key', 'value'] as const) {
    const whole = cache.blocks[0][part];
    taken.set(
      `cache.0.${part}`,
      read(whole).then((data) => data.subarray(0, length * whole.shape[1])),
    );
  }
}

/** Which image row replaces each position: the Q positions after each `<img>`, in order. */
function rowsOf(ids: Int32Array, { config }: Model): Int32Array {
  const { image_start_id, n_queries } = config.visual;
  const source = new Int32Array(ids.length).fill(-1);
  let row = 0;
  for (let at = ids.indexOf(image_start_id); at >= 0; at = ids.indexOf(image_start_id, at + n_queries + 1)) {
    for (let i = 1; i <= n_queries; i++) source[at + i] = row++;
  }
  return source;
}
