import { gatherRows } from '../../../kernels/gather-rows.ts';
import { tap } from '../../../tensor/tap.ts';
import { type Tensor, tensor } from '../../../tensor/tensor.ts';
import { createCache, freeCache } from '../../model/cache.ts';
import { decoderPass } from '../../model/decoder-pass.ts';
import { imageRows } from '../../model/placed-images.ts';
import {
  embedPatches,
  embedTokens,
  encoderBlock,
  finalNorm,
  hiddenBlock,
  imageSpan,
  logits,
  type Model,
  projectFeatures,
  readPatches,
} from '../../model/qwen-vl.ts';

/**
 * A step of a forward pass that needs nothing but the activation of the step before. A pass that takes hours can stop after
 * any of them and go on later.
 */
export interface Step {
  readonly name: string;
  /** Whether a golden's tap is made here. */
  owns(tap: string): boolean;
  /** What the golden puts before the names of its taps, where it holds the same block more than once. */
  readonly prefix?: string;
  /** What it begins with, where that is not what the step before made. */
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
export function passSteps(model: Model, ids: Int32Array): Step[] {
  const { config, device } = model;
  const { image_size: size } = config.visual;
  const lastRow = Int32Array.of(ids.length - 1);
  return [
    {
      name: 'patch embedding',
      input: { name: 'input.pixels', shape: [3 * size, size] },
      owns: oneOf(`${VISUAL}.conv1`, `${VISUAL}.ln_pre`),
      run: (x) => embedPatches(model, x),
    },
    ...model.resblocks.map((_, i) => visionStep(model, i)),
    adapterStep(model),
    {
      name: 'ln_post and proj',
      owns: oneOf(`${VISUAL}.ln_post`, VISUAL),
      run: (x) => projectFeatures(model, x),
    },
    {
      name: 'embedding',
      owns: oneOf('transformer.spliced'),
      run: (x) => embedTokens(model, ids, { features: x, source: imageRows([ids], config) }),
    },
    ...model.h.map((_, i) => decoderStep(model, i, ids.length)),
    { name: 'ln_f', owns: oneOf('transformer.ln_f'), run: (x) => finalNorm(model, x) },
    {
      name: 'lm_head',
      owns: oneOf('lm_head.last'),
      run: (x) => tap('lm_head.last', logits(model, gatherRows(x, tensor(device, lastRow, [1])))),
    },
  ];
}

/** One layer of each kind on drawn inputs, the decoder's within and beyond the length that NTK and log-n leave alone. */
export function wideSteps(model: Model): Step[] {
  const { layers, width } = model.config.visual;
  const patches = model.positions.patches.shape[0];
  const drawn = (step: Step, name: string, rows: number, columns: number): Step => ({
    ...step,
    input: { name, shape: [rows, columns] },
  });
  return [
    ...(layers > 7 ? [drawn(visionStep(model, 7), 'wide.vit.input', patches, width)] : []),
    drawn(adapterStep(model), 'wide.adapter.input', patches, width),
    ...[280, 2100].map((n) =>
      drawn(decoderStep(model, 5, n, `prefill.${n}.`), `wide.decoder.input.${n}`, n, model.config.hidden_size),
    ),
  ];
}

function visionStep(model: Model, i: number): Step {
  return {
    name: `vision block ${i}`,
    owns: below(`${VISUAL}.transformer.resblocks.${i}`),
    run: (x) => encoderBlock(model, i, x, imageSpan(model, x)),
  };
}

const adapterStep = (model: Model): Step => ({
  name: 'adapter',
  owns: below(`${VISUAL}.attn_pool`),
  run: (x) => readPatches(model, x),
});

/** @param prefix what a golden puts before the names of this case */
function decoderStep(model: Model, i: number, length: number, prefix = ''): Step {
  const { config, device } = model;
  return {
    name: `decoder block ${i}${prefix ? ` at ${length}` : ''}`,
    owns: below(`${prefix}transformer.h.${i}`),
    prefix,
    run(x) {
      const cache = createCache({ device, config: { ...config, num_hidden_layers: 1 } }, length);
      const result = hiddenBlock(model, i, x, cache.blocks[0], decoderPass(model, cache, [length]));
      freeCache(cache);
      return result;
    },
  };
}
