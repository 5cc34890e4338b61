import type { Config } from '../architecture/config.ts';
import { InputError } from '../error.ts';
import type { Haze } from './haze.ts';

/** A conversation as the model sees it. */
export interface Sequence {
  readonly ids: Int32Array;
  /** What token t should be, or a negative number where nothing is asked of it. The first is never asked for. */
  readonly labels: Int32Array;
}

/** Conversations that one loss is taken of, and all their pictures in reading order. */
export interface Batch {
  readonly sequences: readonly Sequence[];
  /** `[images · 3 · S, S]`, normalised. */
  readonly pixels: Float32Array;
  readonly images: number;
  /**
   * What stands between `<img>` and `</img>`: what the model sees in its pictures (by default), or tokens like any others. Of tokens a
   * decoder learns to read the rows of a picture before it has eyes; such a batch has no pictures, and the vision side no gradient.
   */
  readonly rows?: 'pictures' | 'tokens' | undefined;
  /** Over such tokens; none by default. */
  readonly haze?: Haze | undefined;
}

/** A batch whose sequences belong to tasks, so that the loss can be told by task. */
export interface TaskBatch extends Batch {
  /** Of each sequence. */
  readonly tasks: readonly string[];
}

/**
 * Checks a batch before anything is computed.
 *
 * @throws InputError that says which conversation is wrong, and where
 */
export function requireBatch({ sequences, pixels, images, rows = 'pictures' }: Batch, config: Config): void {
  const { vocab_size: V, visual, max_position_embeddings: longest } = config;
  const { image_size: size } = visual;
  if (sequences.length === 0) throw new InputError('batch', 'it has no conversation', 'give at least one');
  for (const [i, { ids, labels }] of sequences.entries()) {
    const where = `conversation ${i}`;
    if (ids.length === 0) throw new InputError(where, 'it is empty', 'leave it out');
    if (ids.length > longest) {
      throw new InputError(where, `${ids.length} tokens, expected at most ${longest}`, 'cut it, or split it in two');
    }
    if (labels.length !== ids.length) {
      throw new InputError(where, `${labels.length} labels for ${ids.length} tokens`, 'give each token a label');
    }
    const stranger = ids.findIndex((id) => id < 0 || id >= V);
    if (stranger >= 0)
      throw new InputError(where, outside('token', ids, stranger, V), 'use the tokenizer of this model');
    const label = labels.findIndex((id) => id >= V);
    if (label >= 0) throw new InputError(where, outside('label', labels, label, V), 'use the tokenizer of this model');
  }
  const marks = sequences.reduce((sum, { ids }, i) => sum + picturesIn(ids, i, config), 0);
  if (marks !== images && !(rows === 'tokens' && images === 0)) {
    throw new InputError('batch', `${images} pictures for ${marks} places in the text`, 'give each place its picture');
  }
  if (pixels.length !== images * 3 * size * size) {
    const expected = `expected ${images * 3 * size * size} for ${images} pictures of ${size} × ${size}`;
    throw new InputError('batch', `${pixels.length} pixels, ${expected}`, 'prepare them for this model');
  }
  if (!sequences.some(({ labels }) => labels.subarray(1).some((label) => label >= 0))) {
    // Quirk: the original divides by the number of supervised tokens all the same, and its loss is no number.
    throw new InputError('batch', 'no token is supervised', 'give at least one label beyond the first token');
  }
}

const outside = (what: string, ids: Int32Array, at: number, V: number): string =>
  `${what} ${at} is ${ids[at]}, expected one of ${V} tokens`;

/** How many pictures a conversation shows: `<img>`, Q rows, `</img>` each. */
function picturesIn(ids: Int32Array, conversation: number, { visual }: Config): number {
  const { image_start_id: start, n_queries: Q } = visual;
  const end = start + 1;
  let pictures = 0;
  for (let at = ids.indexOf(start); at >= 0; at = ids.indexOf(start, at + Q + 2)) {
    if (ids[at + Q + 1] !== end) {
      const found = `the picture at token ${at} has not its ${Q} rows and their end`;
      throw new InputError(`conversation ${conversation}`, found, 'do not cut inside a picture');
    }
    pictures++;
  }
  return pictures;
}
