import { add } from '../../kernels/add.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { linear, matmul } from '../../kernels/linear.ts';
import { rmsNorm } from '../../kernels/rms-norm.ts';
import { splice } from '../../kernels/splice.ts';
import { zeros } from '../../kernels/zeros.ts';
import type { Device, Given } from '../../tensor/device.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { block, tap } from '../../tensor/tap.ts';
import { absent, free, isAbsent, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type Config, patchGrid } from '../architecture/config.ts';
import { isVision, type Residence, weightShapes } from '../architecture/weight-shapes.ts';
import { type AdapterWeights, adapter } from './adapter.ts';
import { groupSpan } from './attention.ts';
import type { BlockCache, Cache } from './cache.ts';
import { type DecoderBlockWeights, decoderBlock } from './decoder.ts';
import { type DecoderPass, decoderPass, trainingPass } from './decoder-pass.ts';
import { changed } from './dense.ts';
import { type PatchEmbeddingWeights, patchEmbedding, positionsOn } from './patch-embedding.ts';
import type { PlacedImages } from './placed-images.ts';
import { LAYER_NORM_EPS, type VisionBlockWeights, visionBlock } from './vision.ts';

export { type Cache, createCache, freeCache } from './cache.ts';

const VISUAL = 'transformer.visual';

/** A model on a device: the weights under the checkpoint's names, and views of them part by part. */
export interface Model {
  readonly device: Device;
  readonly config: Config;
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly patchEmbedding: PatchEmbeddingWeights;
  readonly resblocks: readonly VisionBlockWeights[];
  readonly attnPool: AdapterWeights;
  readonly afterPool: { 'ln_post.weight': Tensor; 'ln_post.bias': Tensor; proj: Tensor };
  readonly h: readonly DecoderBlockWeights[];
  readonly head: { weight: Tensor; 'lora_A.weight'?: Tensor; 'lora_B.weight'?: Tensor };
  readonly positions: Positions;
}

/** Position tables on the patch grid: of the patches `[L, D]`, and of the adapter's keys `[L, C]`. */
export interface Positions {
  readonly patches: Tensor;
  readonly keys: Tensor;
}

export interface LoadOptions {
  /** Which weights stay on the device, for a model that is larger than the memory; all by default. */
  readonly resident?: Residence;
  /** Names and shapes of the factors of a LoRA adapter, which `load` gives too: see dense.ts. */
  readonly lora?: ReadonlyMap<string, readonly number[]> | undefined;
}

/**
 * Puts a model's weights on a device. They are read when the device's queue gets to them, one at a time.
 *
 * @param load gives a weight's elements, row-major
 */
export function loadModel(
  device: Device,
  config: Config,
  load: (name: string) => Promise<Given>,
  { resident = 'all', lora = new Map() }: LoadOptions = {},
): Model {
  const weights: Record<string, Tensor> = {};
  for (const [name, shape] of [...weightShapes(config), ...lora]) {
    // A convolution's kernel is a matrix whose rows are flattened patches.
    const matrix = shape.length > 2 ? [shape[0], shape.slice(1).reduce((a, b) => a * b)] : shape;
    weights[name] =
      resident === 'all' || (resident === 'decoder' && !isVision(name))
        ? keep(tensor(device, () => load(name), matrix, { label: name }))
        : absent(device, () => load(name), matrix, name);
  }
  const parts = partsOf(weights);
  // What is below a path is true to its type by the declared table of names.
  const below = <Weights>(path: string) => parts.get(path) as Weights;
  const visual = below<PatchEmbeddingWeights & Model['afterPool']>('transformer.visual');
  const attnPool = below<AdapterWeights>('transformer.visual.attn_pool');
  return {
    device,
    config,
    weights,
    patchEmbedding: pick(visual, 'conv1.weight', 'ln_pre.weight', 'ln_pre.bias'),
    resblocks: Array.from({ length: config.visual.layers }, (_, i) =>
      below<VisionBlockWeights>(`transformer.visual.transformer.resblocks.${i}`),
    ),
    attnPool,
    afterPool: pick(visual, 'ln_post.weight', 'ln_post.bias', 'proj'),
    h: Array.from({ length: config.num_hidden_layers }, (_, i) => below<DecoderBlockWeights>(`transformer.h.${i}`)),
    head: below<Model['head']>('lm_head'),
    positions: keep(positionTables(weights, config)),
  };
}

/** Position tables on the patch grid. While they are trained, they are made in each pass. */
export function positionTables(weights: Model['weights'], config: Config): Positions {
  const grid = patchGrid(config.visual);
  const tables = {
    patches: weights['transformer.visual.positional_embedding'],
    keys: weights['transformer.visual.attn_pool.pos_embed'],
  };
  return block('transformer.visual', tables, ({ patches, keys }) => ({
    patches: positionsOn(patches, grid),
    keys: positionsOn(keys, grid),
  }));
}

/** The weights below every module path, named from there. */
function partsOf(weights: Readonly<Record<string, Tensor>>): Map<string, Record<string, Tensor>> {
  const parts = new Map<string, Record<string, Tensor>>();
  for (const [name, weight] of Object.entries(weights)) {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const path = name.slice(0, dot);
      const part = parts.get(path) ?? {};
      part[name.slice(dot + 1)] = weight;
      parts.set(path, part);
    }
  }
  return parts;
}

function pick<Weights, Name extends keyof Weights>(weights: Weights, ...names: Name[]): Pick<Weights, Name> {
  return Object.fromEntries(names.map((name) => [name, weights[name]])) as Pick<Weights, Name>;
}

/** Frees a model's weights and tables. */
export function freeModel(model: Model): void {
  const owned = new Set([...Object.values(model.weights), ...Object.values(model.positions)]);
  for (const weight of owned) if (!isAbsent(weight)) free(weight);
}

/**
 * Images → the rows that stand for them in the sequence: the vision encoder, then the adapter.
 *
 * @param pixels `[B·3·S, S]`, normalised
 * @returns `[B·Q, C]`
 */
export function encodeImages(model: Model, pixels: Tensor): Tensor {
  return scope<Tensor>(() => adaptFeatures(model, encodePatches(model, pixels)));
}

/** The vision encoder alone: `[B·3·S, S]` → `[B·L, D]`. */
export function encodePatches(model: Model, pixels: Tensor): Tensor {
  return block(VISUAL, undefined, () => {
    let x = embedPatches(model, pixels); // [B·L, D]
    const span = imageSpan(model, x);
    for (const i of model.resblocks.keys()) x = encoderBlock(model, i, x, span);
    return tap('transformer', x);
  });
}

/** The patches that the encoder begins with: `[B·3·S, S]` → `[B·L, D]`. */
export const embedPatches = (model: Model, pixels: Tensor): Tensor =>
  block(VISUAL, model.patchEmbedding, (w) =>
    patchEmbedding(pixels, w, model.positions.patches, model.config.visual.patch_size),
  );

/** Each patch sees the patches of its own image: `[B·L, 2]` for `[B·L, D]`. */
export function imageSpan({ device, positions }: Model, x: Tensor): Tensor {
  const patches = positions.patches.shape[0];
  const span = groupSpan(x.shape[0] / patches, patches, patches);
  return tensor(device, span, [x.shape[0], 2], { label: 'image span' });
}

/** Block i of the vision encoder on `[B·L, D]`. */
export const encoderBlock = ({ config, positions, resblocks }: Model, i: number, x: Tensor, span: Tensor): Tensor =>
  block(`${VISUAL}.transformer.resblocks.${i}`, resblocks[i], (w) =>
    visionBlock(x, w, span, config.visual.heads, positions.patches.shape[0]),
  );

/** The adapter with what follows it, `ln_post` and `proj`: `[B·L, D]` → `[B·Q, C]`. */
export const adaptFeatures = (model: Model, features: Tensor): Tensor =>
  scope<Tensor>(() => projectFeatures(model, readPatches(model, features)));

/** The adapter alone: `[B·L, D]` → `[B·Q, C]`. */
export const readPatches = ({ attnPool, positions }: Model, features: Tensor): Tensor =>
  block(`${VISUAL}.attn_pool`, attnPool, (w) => adapter(features, w, positions.keys));

/** What follows the adapter: `[B·Q, C]` → `[B·Q, C]`. */
export const projectFeatures = ({ afterPool }: Model, read: Tensor): Tensor =>
  block(VISUAL, afterPool, (w) => {
    const normed = tap('ln_post', layerNorm(read, w['ln_post.weight'], w['ln_post.bias'], LAYER_NORM_EPS));
    // Quirk: a plain product with proj, which is not transposed like every other weight.
    return tap('', matmul(normed, w.proj));
  });

/**
 * The decoder on new tokens: whole prompts into an empty cache, or what follows them. The cache takes up their keys and values.
 *
 * @param ids token ids of the new positions; for several sequences one array each, empty where one has nothing new
 * @param cache absent in training: whole sequences, of which nothing is remembered
 * @param images what replaces the embeddings of image positions
 * @returns `[T, D]` after the final norm, the sequences one below the other
 * @throws RangeError when the cache has no room for them
 */
export function decode(
  model: Model,
  ids: Int32Array | readonly Int32Array[],
  cache: Cache | undefined,
  images?: PlacedImages,
): Tensor {
  const sequences = ids instanceof Int32Array ? [ids] : ids;
  return block('transformer', undefined, () => {
    let x = embedTokens(model, Int32Array.from(sequences.flatMap((sequence) => [...sequence])), images);
    const lengths = sequences.map(({ length }) => length);
    const pass = cache ? decoderPass(model, cache, lengths) : trainingPass(model, lengths);
    for (const i of model.h.keys()) x = hiddenBlock(model, i, x, cache?.blocks[i], pass);
    return finalNorm(model, x);
  });
}

/** The sequence that the decoder begins with: `[T, C]`. */
export const embedTokens = ({ device, weights }: Model, ids: Int32Array, images: PlacedImages | undefined): Tensor =>
  block('transformer', weights['transformer.wte.weight'], (wte) => {
    const embedded = tap('wte', gatherRows(wte, tensor(device, ids, [ids.length], { label: 'token ids' })));
    tap('drop', embedded); // the original's dropout module sees the sequence before its images
    const placed = images ? place(embedded, images) : embedded;
    return tap('spliced', placed);
  });

/** Image rows in the sequence; where a batch has none, features without a place add 0, which gives their weights a gradient of 0. */
function place(embedded: Tensor, { features, source }: PlacedImages): Tensor {
  const { device } = embedded;
  if (source.some((row) => row >= 0))
    return splice(embedded, features, tensor(device, source, [source.length], { label: 'image rows' }));
  return add(embedded, matmul(zeros(device, [1, features.shape[0]]), features));
}

/** Block i of the decoder on `[T, C]`. */
export const hiddenBlock = (
  { h }: Model,
  i: number,
  x: Tensor,
  cache: BlockCache | undefined,
  pass: DecoderPass,
): Tensor => block(`transformer.h.${i}`, h[i], (w) => decoderBlock(x, w, cache, pass));

/** `ln_f` on `[T, C]`. */
export const finalNorm = ({ config, weights }: Model, x: Tensor): Tensor =>
  block('transformer', weights['transformer.ln_f.weight'], (weight) =>
    tap('ln_f', rmsNorm(x, weight, config.layer_norm_epsilon)),
  );

/**
 * Scores of every token of the vocabulary as the next one.
 *
 * @param hidden `[T, D]`
 * @returns `[T, V]`
 */
export function logits(model: Model, hidden: Tensor): Tensor {
  return block('lm_head', model.head, ({ weight, 'lora_A.weight': A, 'lora_B.weight': B }) =>
    tap('', changed(linear(hidden, weight), hidden, A, B)),
  );
}
