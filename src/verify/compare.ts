import type { HostData } from '../../tensor/device.ts';
import type { Listener } from '../../tensor/tap.ts';
import { elements, read } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';
import { CheckpointError } from '../error.ts';
import { imageRows } from '../model/placed-images.ts';
import type { Model } from '../model/qwen-vl.ts';
import { quoteSome } from '../quote.ts';
import { capture, type Take } from './capture.ts';
import { captureAnswer, WITHIN_ATTENTION } from './capture-answer.ts';
import { describeElement, type Terms } from './coordinates.ts';
import { type Golden, type GoldenTap, isOneToken, isScores, type TapMeasure } from './golden.ts';
import { watchingHistory } from './history.ts';

/**
 * `free`: our own activations all the way, so that a tap shows the error it inherits too. `forced`: every block begins with
 * the original's activation, so that a tap shows the error that its own block adds up to there. `fused`: free, and as an answer
 * is computed, see `captureAnswer`: without what only a listener could see.
 */
export const MODES = ['free', 'forced', 'fused'] as const;
export type Mode = (typeof MODES)[number];

/** One activation, measured. */
export interface TapMeasurement extends TapMeasure {
  readonly name: string;
  /** As PyTorch's module has it. */
  readonly shape: readonly number[];
  /** The operations that made it out of taps that were compared before, in their order; none for another name of the same. */
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
  const names = [...golden.taps].flatMap(([name, tap]) => (wanted(name) && isIn(mode, name, tap) ? [name] : []));
  const left = new Map(names.map((name) => [name, golden.taps.get(name)!]));
  const terms = { config: model.config, ids: golden.inputs.ids, text: options.text };
  const heard = new Map<string, { readonly reads: Promise<HostData>[]; readonly operations: readonly string[] }>();
  const measured = new Map<string, Promise<TapMeasurement>>();
  let done = 0;

  watchingHistory(model, (history) => {
    const take: Take = (name, activation, inherits) => {
      const whole = left.get(name);
      if (!whole) return;
      // Its error is that of several blocks: what a block alone adds is not to be had.
      if (inherits) return void left.delete(name);
      const tap = mode === 'fused' ? (whole.lastRow ?? whole) : whole;
      const ran = history.since(activation).map(({ op }) => op);
      const { reads, operations } = heard.get(name) ?? { reads: [], operations: ran };
      heard.set(name, { reads, operations });
      reads.push(read(activation));
      // An answer looks at one picture after the other: their rows together are the activation.
      if (mode === 'fused' && reads.length * elements(activation.shape) < elements(tap.shape)) return;
      left.delete(name);
      const measuring = Promise.all(reads).then(async (data) => {
        const { exact, ...measure } = await tap.measure(joined(data));
        const place = describeElement(name, tap.shape, measure.metrics.worst.index, terms);
        onProgress?.(++done, names.length);
        // A float64 twin stands for inputs in float64 too: where float32's are forced there is nothing to compare with it.
        const twin = exact && mode !== 'forced' ? { exact } : {};
        return { name, shape: tap.shape, operations, place, ...measure, ...twin };
      });
      measuring.catch(() => undefined); // the first failure is thrown below, the others follow from it
      measured.set(name, measuring);
    };
    const { plant } = options;
    if (mode === 'fused') captureAnswer(model, golden.inputs, take, plant);
    else capture(model, golden.inputs, { take, plant, ...(mode === 'forced' ? { forced: golden.taps } : {}) });
  });
  if (left.size > 0) {
    await Promise.allSettled(measured.values());
    const found = `no activation of the model is called ${quoteSome([...left.keys()])}`;
    throw new CheckpointError(golden.name, found, 'compare a golden of this model');
  }
  return Promise.all([...heard.keys()].map((name) => measured.get(name)!));
}

/** Whether a tap can be compared: no step is forced; an answer writes nothing within attention, and scores of the last row alone. */
function isIn(mode: Mode, name: string, { shape, lastRow }: GoldenTap): boolean {
  if (mode === 'free') return true;
  if (mode === 'forced') return !name.startsWith('decode.');
  if (WITHIN_ATTENTION.test(name) || /^(cache\.|lm_head\.last$)/.test(name)) return false;
  return !isScores(name) || lastRow !== undefined || isOneToken(name, shape);
}

/** The rows of several activations, one below the other. */
function joined(parts: readonly HostData[]): Float32Array {
  const [first] = parts;
  if (parts.length === 1 && first instanceof Float32Array) return first;
  const rows = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let from = 0;
  for (const part of parts) {
    rows.set(part, from);
    from += part.length;
  }
  return rows;
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
