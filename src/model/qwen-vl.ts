import { add } from '../../kernels/add.ts';
import { embedding } from '../../kernels/embedding.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { linear, matmul } from '../../kernels/linear.ts';

import { rmsNorm } from '../../kernels/rms-norm.ts';
import { splice } from '../../kernels/splice.ts';
import { zeros } from '../../kernels/zeros.ts';
import type { Device, Drawn, HostData } from '../../tensor/device.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { block, tap } from '../../tensor/tap.ts';
import { absent, free, isAbsent, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type AdapterWeights, adapter } from './adapter.ts';
import { groupSpan } from './attention.ts';
import { type Cache, decoderPass, trainingPass } from './cache.ts';
import { type Config, patchGrid } from './config.ts';
import { type DecoderBlockWeights, decoderBlock } from './decoder.ts';
import { type PatchEmbeddingWeights, patchEmbedding, positionsOn } from './patch-embedding.ts';
import { LAYER_NORM_EPS, type VisionBlockWeights, visionBlock } from './vision.ts';
import { isVision, type Residence, weightShapes } from './weights.ts';

export { type Cache, createCache, freeCache } from './cache.ts';

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
  readonly positions: Positions;
}

/** Position tables on the patch grid: of the patches `[L, D]`, and of the adapter's keys `[L, C]`. */
export interface Positions {
  readonly patches: Tensor;
  readonly keys: Tensor;
}

/** Image features and where they go: `source[i]` is the row of `features` that replaces token i's embedding, or −1. */
export interface PlacedImages {
  readonly features: Tensor;
  readonly source: Int32Array;
}

export interface LoadOptions {
  /** Which weights stay on the device, for a model that is larger than the memory; all by default. */
  readonly resident?: Residence;
}

/**
 * Puts a model's weights on a device. They are read when the device's queue gets to them, one at a time.
 *
 * @param load gives a weight's elements, row-major
 */
export function loadModel(
  device: Device,
  config: Config,
  load: (name: string) => Promise<HostData | Drawn>,
  { resident = 'all' }: LoadOptions = {},
): Model {
  const weights: Record<string, Tensor> = {};
  for (const [name, shape] of weightShapes(config)) {
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
export function encodeImages(model: Model, pixels: Tensor, positions = model.positions): Tensor {
  return scope<Tensor>(() => adaptFeatures(model, encodePatches(model, pixels, positions), positions));
}

/** The vision encoder alone: `[B·3·S, S]` → `[B·L, D]`. */
export function encodePatches(model: Model, pixels: Tensor, positions = model.positions): Tensor {
  const { config, device } = model;
  const visual = 'transformer.visual';
  return block(visual, undefined, () => {
    let x = block(visual, model.patchEmbedding, (w) =>
      patchEmbedding(pixels, w, positions.patches, config.visual.patch_size),
    ); // [B·L, D]
    const patches = positions.patches.shape[0];
    const images = x.shape[0] / patches;
    const span = tensor(device, groupSpan(images, patches, patches), [x.shape[0], 2], { label: 'image span' });
    for (const [i, weights] of model.resblocks.entries()) {
      const input = x; // what a block takes must still be the same when it runs again
      x = block(`${visual}.transformer.resblocks.${i}`, weights, (w) =>
        visionBlock(input, w, span, config.visual.heads, patches),
      );
    }
    return tap('transformer', x);
  });
}

/** The adapter with what follows it, `ln_post` and `proj`: `[B·L, D]` → `[B·Q, C]`. */
export function adaptFeatures(model: Model, features: Tensor, positions = model.positions): Tensor {
  return scope<Tensor>(() => {
    const read = block('transformer.visual.attn_pool', model.attnPool, (w) => adapter(features, w, positions.keys));
    return block('transformer.visual', model.afterPool, (w) => {
      const normed = layerNorm(read, w['ln_post.weight'], w['ln_post.bias'], LAYER_NORM_EPS);
      // Quirk: a plain product with proj, which is not transposed like every other weight.
      return tap('', matmul(tap('ln_post', normed), w.proj));
    });
  });
}

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
  const { config, device } = model;
  const sequences = ids instanceof Int32Array ? [ids] : ids;
  const rows = Int32Array.from(sequences.flatMap((sequence) => [...sequence]));
  const T = rows.length;
  return block('transformer', undefined, () => {
    const embedded = block('transformer', model.weights['transformer.wte.weight'], (wte) =>
      tap('wte', embedding(wte, tensor(device, rows, [T], { label: 'token ids' }))),
    );
    tap('drop', embedded); // the original's dropout module sees the sequence before its images
    const placed = images ? place(embedded, images) : embedded;
    let x = tap('spliced', placed);

    const lengths = sequences.map(({ length }) => length);
    const pass = cache ? decoderPass(model, cache, lengths) : trainingPass(model, lengths);
    for (const [i, weights] of model.h.entries()) {
      const input = x;
      x = block(`transformer.h.${i}`, weights, (w) => decoderBlock(input, w, cache?.blocks[i], pass));
    }
    return block('transformer', model.weights['transformer.ln_f.weight'], (weight) =>
      tap('ln_f', rmsNorm(x, weight, config.layer_norm_epsilon)),
    );
  });
}

/** Image rows in the sequence; where a batch has none, features without a place add 0, which gives their weights a gradient of 0. */
function place(embedded: Tensor, { features, source }: PlacedImages): Tensor {
  const { device } = embedded;
  if (source.some((row) => row >= 0)) return splice(embedded, features, tensor(device, source, [source.length]));
  return add(embedded, matmul(zeros(device, [1, features.shape[0]]), features));
}

/**
 * Scores of every token of the vocabulary as the next one.
 *
 * @param hidden `[T, D]`
 * @returns `[T, V]`
 */
export function logits(model: Model, hidden: Tensor): Tensor {
  return block('lm_head', model.weights['lm_head.weight'], (weight) => tap('', linear(hidden, weight)));
}
