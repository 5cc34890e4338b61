import { embedding } from '../../kernels/embedding.ts';
import { layerNorm } from '../../kernels/layer-norm.ts';
import { linear, matmul } from '../../kernels/linear.ts';

import { rmsNorm } from '../../kernels/rms-norm.ts';
import { splice } from '../../kernels/splice.ts';
import { block, tap } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { adapter } from '../model/adapter.ts';
import { groupSpan } from '../model/attention.ts';
import { createCache, decoderPass, freeCache } from '../model/cache.ts';
import { decoderBlock } from '../model/decoder.ts';
import { patchEmbedding } from '../model/patch-embedding.ts';
import type { Model } from '../model/qwen-vl.ts';
import { LAYER_NORM_EPS, visionBlock } from '../model/vision.ts';
import { imageRows } from './capture.ts';

/**
 * A step of a forward pass that needs nothing but the activation of the step before. A pass that takes hours can stop after
 * any of them and go on later.
 */
export interface Stage {
  readonly name: string;
  /** Whether a golden's tap is made here. */
  owns(tap: string): boolean;
  /** What it begins with, where that is not what the stage before made. */
  readonly input?: { readonly name: string; readonly shape: readonly [rows: number, columns: number] };
  /** Runs inside a scope. */
  run(x: Tensor): Tensor;
}

const VISUAL = 'transformer.visual';
const below = (path: string) => (name: string) => name === path || name.startsWith(`${path}.`);
const oneOf =
  (...names: string[]) =>
  (name: string) =>
    names.includes(name);

/**
 * The whole forward pass of one picture, `input.pixels`, and a prompt.
 *
 * @param ids the prompt
 */
export function passStages(model: Model, ids: Int32Array): Stage[] {
  const { config, device } = model;
  const { image_size: size, patch_size: patch } = config.visual;
  const lastRow = Int32Array.of(ids.length - 1);
  return [
    {
      name: 'patch embedding',
      input: { name: 'input.pixels', shape: [3 * size, size] },
      owns: oneOf(`${VISUAL}.conv1`, `${VISUAL}.ln_pre`),
      run: (x) => block(VISUAL, model.patchEmbedding, (w) => patchEmbedding(x, w, model.positions.patches, patch)),
    },
    ...model.resblocks.map((_, i) => visionStage(model, i)),
    adapterStage(model),
    {
      name: 'ln_post and proj',
      owns: oneOf(`${VISUAL}.ln_post`, VISUAL),
      run: (x) =>
        block(VISUAL, model.afterPool, (w) => {
          const normed = tap('ln_post', layerNorm(x, w['ln_post.weight'], w['ln_post.bias'], LAYER_NORM_EPS));
          return tap('', matmul(normed, w.proj));
        }),
    },
    {
      name: 'embedding',
      owns: oneOf('transformer.spliced'),
      run: (x) =>
        block('transformer', model.weights['transformer.wte.weight'], (wte) => {
          const embedded = embedding(wte, tensor(device, ids, [ids.length]));
          return tap('spliced', splice(embedded, x, tensor(device, imageRows(ids, config), [ids.length])));
        }),
    },
    ...model.h.map((_, i) => decoderStage(model, i, ids.length)),
    {
      name: 'ln_f',
      owns: oneOf('transformer.ln_f'),
      run: (x) =>
        block('transformer', model.weights['transformer.ln_f.weight'], (weight) =>
          tap('ln_f', rmsNorm(x, weight, config.layer_norm_epsilon)),
        ),
    },
    {
      name: 'lm_head',
      owns: oneOf('lm_head.last'),
      run: (x) =>
        block('lm_head', model.weights['lm_head.weight'], (weight) =>
          tap('last', linear(embedding(x, tensor(device, lastRow, [1])), weight)),
        ),
    },
  ];
}

/** One layer of each kind on drawn inputs, the decoder's within and beyond the length that NTK and log-n leave alone. */
export function wideStages(model: Model): Stage[] {
  const { layers, width } = model.config.visual;
  const patches = model.positions.patches.shape[0];
  const drawn = (stage: Stage, name: string, rows: number, columns: number): Stage => ({
    ...stage,
    input: { name, shape: [rows, columns] },
  });
  return [
    ...(layers > 7 ? [drawn(visionStage(model, 7), 'wide.vit.input', patches, width)] : []),
    drawn(adapterStage(model), 'wide.adapter.input', patches, width),
    ...[280, 2100].map((n) =>
      drawn(decoderStage(model, 5, n, `prefill.${n}.`), `wide.decoder.input.${n}`, n, model.config.hidden_size),
    ),
  ];
}

function visionStage(model: Model, i: number): Stage {
  const path = `${VISUAL}.transformer.resblocks.${i}`;
  const patches = model.positions.patches.shape[0];
  return {
    name: `vision block ${i}`,
    owns: below(path),
    run(x) {
      const span = tensor(model.device, groupSpan(1, patches, patches), [patches, 2], { label: 'image span' });
      return block(path, model.resblocks[i], (w) => visionBlock(x, w, span, model.config.visual.heads, patches));
    },
  };
}

function adapterStage(model: Model): Stage {
  const path = `${VISUAL}.attn_pool`;
  return {
    name: 'adapter',
    owns: below(path),
    run: (x) => block(path, model.attnPool, (w) => adapter(x, w, model.positions.keys)),
  };
}

/** @param prefix what a golden puts before the names of this case */
function decoderStage({ config, device, h }: Model, i: number, length: number, prefix = ''): Stage {
  const path = `${prefix}transformer.h.${i}`;
  return {
    name: `decoder block ${i}${prefix ? ` at ${length}` : ''}`,
    owns: below(path),
    run(x) {
      const cache = createCache({ device, config: { ...config, num_hidden_layers: 1 } }, length);
      const pass = decoderPass({ device, config }, cache, [length]);
      const result = block(path, h[i], (w) => decoderBlock(x, w, cache.blocks[0], pass));
      freeCache(cache);
      return result;
    },
  };
}
