import { gatherRows } from '../../../kernels/gather-rows.ts';
import { scope } from '../../../tensor/scope.ts';
import { type Listener, withListener } from '../../../tensor/tap.ts';
import { read, tensor } from '../../../tensor/tensor.ts';
import { InputError } from '../../error.ts';
import { imageRows } from '../../model/placed-images.ts';
import { createCache, decode, encodePatches, freeCache } from '../../model/qwen-vl.ts';
import { lastExchange } from './engine.ts';
import { joined, pictureOf, seenIn, using } from './seen.ts';
import type { Context } from './service.ts';
import { placed } from './teacher-forcing.ts';

/** What there is to look into after an exchange. */
export interface Looked {
  /** The texts of the prompt's tokens, and of the answer's with what ended it. */
  readonly prompt: readonly string[];
  readonly answer: readonly string[];
  /** For each picture the position of its first row in the prompt, and `[H·Q, L]` which patches the adapter's rows read. */
  readonly pictures: readonly { readonly first: number; readonly adapter: Float32Array }[];
}

/** Names the tokens of the last exchange, and says what the adapter read in its pictures. */
export async function look(_: null, { engine, signal }: Context<never>): Promise<Looked> {
  const { system } = engine();
  const { ids, tokens } = lastExchange(engine()).inputs;
  const { adapter } = await seenIn(engine(), signal);
  const { config } = system.model;
  const rows = imageRows([ids], config);
  const text = (id: number) => system.tokenizer.decode([id]);
  return {
    prompt: Array.from(ids, text),
    answer: Array.from(tokens, text),
    pictures: adapter.map((each, i) => ({ first: rows.indexOf(i * config.visual.n_queries), adapter: each })),
  };
}

const DECODER_PROBABILITIES = /^transformer\.h\.\d+\.attn\.attn_dropout$/;

/**
 * What the prediction of a token of the answer read: `attn.attn_dropout` of every decoder block, of the row before the token. The rows
 * before are fed as in the answer: first the prompt, then the tokens over the cache.
 *
 * @param argument.token of the answer, from 0
 * @returns `[layers, H, keys]`; the keys are the prompt and the tokens of the answer before this one
 */
export async function attention(
  { token }: { readonly token: number },
  { engine, signal }: Context<never>,
): Promise<Float32Array> {
  const { model } = engine().system;
  const { ids, tokens } = lastExchange(engine()).inputs;
  if (!Number.isInteger(token) || token < 0 || token >= tokens.length) {
    throw new InputError('token', `${token}, the answer has ${tokens.length}`, 'choose one of them');
  }
  const { features } = await seenIn(engine(), signal);
  const heads = model.config.num_attention_heads;
  return using(engine(), signal, async (caller) => {
    const rows: Promise<ArrayLike<number>>[] = [];
    const takeLastRow: Listener = (_, probabilities) => {
      const T = probabilities.shape[0] / heads;
      const last = Int32Array.from({ length: heads }, (_, head) => (head + 1) * T - 1);
      rows.push(read(gatherRows(probabilities, tensor(model.device, last, [heads]))));
      return undefined;
    };
    const listening = (work: () => void) =>
      withListener<void>(takeLastRow, work, (name) => DECODER_PROBABILITIES.test(name));
    caller.launch<void>(() => {
      const cache = createCache(model, ids.length + token); // no longer: its rows are the keys
      try {
        scope<void>(() => {
          const prefill = () => void decode(model, ids, cache, placed(model, [ids], features));
          if (token === 0) return listening(prefill);
          prefill();
          listening(() => void decode(model, tokens.subarray(0, token), cache));
        });
      } finally {
        freeCache(cache);
      }
    });
    return joined(await Promise.all(rows));
  });
}

/**
 * Which patches every patch of a picture read in a block of the vision encoder: its `attn.probs`.
 *
 * @returns `[H·L, L]`
 */
export async function encoderAttention(
  { picture, layer }: { readonly picture: number; readonly layer: number },
  { engine, signal }: Context<never>,
): Promise<Float32Array> {
  const { model } = engine().system;
  const { layers, image_size: size } = model.config.visual;
  if (!Number.isInteger(layer) || layer < 0 || layer >= layers) {
    throw new InputError('layer', `${layer}, the vision encoder has ${layers}`, 'choose one of them');
  }
  const pixels = pictureOf(lastExchange(engine()), picture);
  const wanted = `transformer.visual.transformer.resblocks.${layer}.attn.probs`;
  return using(engine(), signal, async (caller) => {
    const heard: Promise<ArrayLike<number>>[] = [];
    caller.launch<void>(() =>
      withListener<void>(
        (_, probabilities) => void heard.push(read(probabilities)),
        () => scope<void>(() => void encodePatches(model, tensor(model.device, pixels, [3 * size, size]))),
        (name) => name === wanted,
      ),
    );
    return joined(await Promise.all(heard));
  });
}
