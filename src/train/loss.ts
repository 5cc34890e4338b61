import { foldRows, sum } from '../../kernels/add.ts';
import { crossEntropy } from '../../kernels/cross-entropy.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { divide, scaleRows } from '../../kernels/scale.ts';
import { scope } from '../../tensor/scope.ts';
import { block, tap } from '../../tensor/tap.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import { imageRows, type PlacedImages } from '../model/placed-images.ts';
import { decode, encodeImages, logits, type Model } from '../model/qwen-vl.ts';
import type { Batch } from './batch.ts';
import { inPass, pixelsOn } from './in-pass.ts';

/**
 * The loss of a batch: the cross-entropy of each supervised token under the scores of the position before it, mean over all of the
 * batch, not over the means of its sequences. Only supervised positions are scored.
 *
 * @param hear told of each token's part, `[N, 1]`, in the order of `supervised`
 * @returns `[1, 1]`
 */
export function batchLoss(model: Model, batch: Batch, hear: (tokens: Tensor) => void = () => undefined): Tensor {
  const { device } = model;
  const { sequences } = batch;
  return scope<Tensor>(() => {
    const ids = sequences.map((sequence) => sequence.ids);
    const images = batch.rows === 'tokens' ? imagined(model, batch) : seen(model, batch);
    const hidden = decode(model, ids, undefined, images);
    const { rows, labels } = supervised(sequences);
    const scores = logits(model, gatherRows(hidden, tensor(device, rows, [rows.length])));
    const surprise = tap('token_loss', crossEntropy(scores, tensor(device, labels, [labels.length]))); // [N, 1]
    hear(surprise);
    return tap('loss', divide(foldRows(surprise, 1), labels.length));
  });
}

/** What the model sees in the pictures of a batch, and where it stands. */
function seen(model: Model, { sequences, pixels, images }: Batch): PlacedImages {
  const { image_size: size } = model.config.visual;
  // Quirk: a batch without any image runs one of zeros, whose features add 0, so that the vision side has a gradient of 0, not none.
  const shown = images > 0 ? { pixels, images } : { pixels: new Float32Array(3 * size * size), images: 1 };
  const features = encodeImages(inPass(model), pixelsOn(model, shown));
  const source = imageRows(
    sequences.map(({ ids }) => ids),
    model.config,
  );
  return { features, source };
}

/** Tokens in the place of pictures, seen through a haze; undefined where there is none, or no picture. */
function imagined({ device, config, weights }: Model, { sequences, haze }: Batch): PlacedImages | undefined {
  if (!haze) return undefined;
  const ids = sequences.map((sequence) => sequence.ids);
  const source = imageRows(ids, config);
  const tokens = Int32Array.from(ids.flatMap((each) => [...each]).filter((_, i) => source[i] >= 0));
  if (tokens.length === 0) return undefined;
  const clear = block('transformer', weights['transformer.wte.weight'], (wte) =>
    gatherRows(wte, tensor(device, tokens, [tokens.length])),
  );
  const noise = tensor(device, haze.noise, [tokens.length, config.hidden_size], { label: 'haze' });
  return { features: scaleRows(sum(clear, noise), tensor(device, haze.lengths, [tokens.length])), source };
}

/** The rows that are scored, and what should follow each. */
export function supervised(sequences: Batch['sequences']): { rows: Int32Array; labels: Int32Array } {
  const rows: number[] = [];
  const labels: number[] = [];
  let first = 0;
  for (const sequence of sequences) {
    for (let t = 1; t < sequence.ids.length; t++) {
      if (sequence.labels[t] < 0) continue;
      rows.push(first + t - 1);
      labels.push(sequence.labels[t]);
    }
    first += sequence.ids.length;
  }
  return { rows: Int32Array.from(rows), labels: Int32Array.from(labels) };
}
