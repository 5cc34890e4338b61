import type { Launch } from '../../tensor/device.ts';
import type { Listener } from '../../tensor/tap.ts';
import { read, type Tensor } from '../../tensor/tensor.ts';
import { CheckpointError } from '../error.ts';
import type { Config } from '../model/config.ts';
import { imageRows } from '../model/placed-images.ts';
import type { Model } from '../model/qwen-vl.ts';
import { quoteSome } from '../quote.ts';
import { capture } from './capture.ts';
import { describeElement, type Terms } from './coordinates.ts';
import type { Golden, TapMeasure } from './golden.ts';

/**
 * `free`: our own activations all the way, so that a tap shows the error it inherits too. `forced`: every block begins with
 * the original's activation, so that a tap shows the error that its own block adds up to there.
 */
export const MODES = ['free', 'forced'] as const;
export type Mode = (typeof MODES)[number];

/** One activation, measured. */
export interface TapMeasurement extends TapMeasure {
  readonly name: string;
  /** As PyTorch's module has it. */
  readonly shape: readonly number[];
  /** The operations that ran since the tap before, the last of which made this one; none for another name of the same. */
  readonly operations: readonly string[];
  /** Where `metrics.worst` is, in the model's terms. */
  readonly place: string;
}

export interface CompareOptions {
  readonly mode?: Mode;
  /** Which taps to compare; all by default. */
  readonly wanted?: (name: string) => boolean;
  /** The text of a token id, for places. */
  readonly text?: Terms['text'];
  /** A fault to plant, see `capture`. */
  readonly plant?: Listener;
  /** Told as taps are measured. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Runs a golden's prompt, and when running free the decoding steps that follow it, and measures every activation that the
 * golden names, in the order in which they come about.
 *
 * @throws CheckpointError when the golden's inputs do not fit the model, or it names an activation that the model does not have
 */
export async function compareGolden(
  model: Model,
  golden: Golden,
  options: CompareOptions = {},
): Promise<TapMeasurement[]> {
  const { mode = 'free', wanted = () => true, onProgress } = options;
  requireFitting(model.config, golden);
  const names = [...golden.taps.keys()].filter(
    (name) => wanted(name) && (mode === 'free' || !name.startsWith('decode.')),
  );
  const left = new Set(names);
  const terms = { config: model.config, ids: golden.inputs.ids, text: options.text };
  const results: Promise<TapMeasurement>[] = [];
  let done = 0;

  watchingLaunches(model, (operations) =>
    capture(model, golden.inputs, {
      take(name, activation) {
        const tap = golden.taps.get(name);
        if (!tap || !left.delete(name)) return;
        const ran = operations.splice(0);
        const measured = read(activation).then(async (data) => {
          const { exact, ...measure } = await tap.measure(
            data instanceof Float32Array ? data : Float32Array.from(data),
          );
          const place = describeElement(name, tap.shape, measure.metrics.worst.index, terms);
          onProgress?.(++done, names.length);
          // A float64 twin stands for inputs in float64 too: where float32's are forced there is nothing to compare with it.
          const twin = exact && mode === 'free' ? { exact } : {};
          return { name, shape: tap.shape, operations: ran, place, ...measure, ...twin };
        });
        measured.catch(() => undefined); // the first failure is thrown below, the others follow from it
        results.push(measured);
      },
      plant: options.plant,
      ...(mode === 'forced' ? { forced: golden.taps } : {}),
    }),
  );
  if (left.size > 0) {
    await Promise.allSettled(results);
    const found = `no activation of the model is called ${quoteSome([...left])}`;
    throw new CheckpointError(golden.name, found, 'compare a golden of this model');
  }
  return Promise.all(results);
}

/** Runs `work` with a list that grows by the name of every operation it launches. */
function watchingLaunches({ device }: Model, work: (operations: string[]) => void): void {
  const operations: string[] = [];
  const before = device.onLaunch;
  device.onLaunch = (launch: Launch, output: Tensor) => {
    operations.push(launch.op);
    before?.(launch, output);
  };
  try {
    work(operations);
  } finally {
    device.onLaunch = before;
  }
}

/** Whether a model can be fed with these inputs. @throws CheckpointError */
export function requireFitting(config: Config, { name, inputs }: Pick<Golden, 'name' | 'inputs'>): void {
  const { visual, vocab_size, max_position_embeddings } = config;
  const { ids, tokens, images, size } = inputs;
  const refuse = (found: string) => {
    throw new CheckpointError(name, found, 'use the golden with the model it was made of');
  };
  if (ids.length + tokens.length > max_position_embeddings)
    refuse(`${ids.length} tokens, the model takes ${max_position_embeddings}`);
  for (const id of [...ids, ...tokens])
    if (id >= vocab_size) refuse(`the token id ${id}, the vocabulary has ${vocab_size}`);
  if (images > 0 && size !== visual.image_size)
    refuse(`pictures of ${size} pixels, the model takes ${visual.image_size}`);
  const rows = imageRows([ids], config).reduce((count, row) => count + (row >= 0 ? 1 : 0), 0);
  if (rows !== images * visual.n_queries) {
    refuse(`${images} pictures of ${visual.n_queries} rows, the prompt has places for ${rows} rows`);
  }
}
