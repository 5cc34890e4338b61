import { scope } from '../../../tensor/scope.ts';
import { read } from '../../../tensor/tensor.ts';
import { patchGrid } from '../../architecture/config.ts';
import { InputError } from '../../error.ts';
import { lastExchange } from './engine.ts';
import { likeliestAnswer, textOf } from './likeliest.ts';
import { encoded, pictureOf, seenIn, using } from './seen.ts';
import type { Context } from './service.ts';
import { logProbabilities } from './teacher-forcing.ts';

/** Tiles are looked at several at once, as far as the scores of all their answers take no more elements than this. */
const BATCH = 8;
const MOST_SCORES = 2 ** 24;

/** What hiding tiles did, of those from `first` on. */
export interface Occluded {
  readonly first: number;
  /** `[tiles, n]`: by how much each token of the answer became likelier, in nats; below 0: less likely. */
  readonly changes: Float32Array;
}

/**
 * Hides a picture tile by tile, each time runs the model again, and measures how likely it finds the tokens of its answer then, each after
 * the same tokens before it (Zeiler and Fergus 2013, arXiv 1311.2901, section 4.2).
 *
 * @param argument.side into how many tiles a side the picture is cut, at most one a patch
 * @returns the log-probabilities with nothing hidden, `[n]`; the changes are reported on the way
 */
export async function occlude(
  { picture, side }: { readonly picture: number; readonly side: number },
  { engine, report, signal }: Context<Occluded>,
): Promise<Float32Array> {
  const { model } = engine().system;
  const grid = patchGrid(model.config.visual);
  if (!Number.isInteger(side) || side < 1 || side > grid) {
    throw new InputError('tiles', `${side} a side, expected 1 to ${grid}`, 'choose fewer');
  }
  const { inputs } = lastExchange(engine());
  const seen = await seenIn(engine(), signal);
  const pixels = pictureOf(lastExchange(engine()), picture);
  const n = inputs.tokens.length;
  const most = Math.max(1, Math.min(BATCH, Math.floor(MOST_SCORES / (n * model.config.vocab_size))));
  return using(engine(), signal, async (caller) => {
    const whole = await logProbabilities(model, inputs, seen.features, caller);
    for (let first = 0; first < side * side; first += most) {
      const count = Math.min(most, side * side - first);
      const hidden = new Float32Array(count * pixels.length);
      for (let i = 0; i < count; i++) {
        const tile = (patch: number) => tileOf(patch, grid, side) === first + i;
        hidden.set(greyed(pixels, grid, tile), i * pixels.length);
      }
      const { features } = caller.launch(() => scope(() => ({ features: read(encoded(model, hidden)) })));
      const shown = withPicture(seen.features, await features, picture, inputs.images);
      const found = await logProbabilities(model, inputs, shown, caller, count);
      report({ first, changes: found.map((value, at) => value - whole[at % n]) });
    }
    return whole;
  });
}

/** An answer to a picture of which patches are hidden. */
export interface AnsweredBlind {
  readonly text: string;
  /** Of the tokens of the answer before, with all there is to see and without: `[n]` each. */
  readonly whole: Float32Array;
  readonly hidden: Float32Array;
}

/** Hides patches of a picture and asks again: the likeliest answer, and how likely the one before has become. */
export async function askWithout(
  { picture, patches }: { readonly picture: number; readonly patches: readonly number[] },
  { engine, signal }: Context<never>,
): Promise<AnsweredBlind> {
  const { system } = engine();
  const { model } = system;
  const { inputs } = lastExchange(engine());
  const seen = await seenIn(engine(), signal);
  const wanted = new Set(patches);
  const pixels = greyed(pictureOf(lastExchange(engine()), picture), patchGrid(model.config.visual), (patch) =>
    wanted.has(patch),
  );
  return using(engine(), signal, async (caller) => {
    const { features } = caller.launch(() => scope(() => ({ features: read(encoded(model, pixels)) })));
    const shown = withPicture(seen.features, await features, picture, inputs.images);
    const whole = await logProbabilities(model, inputs, seen.features, caller);
    const hidden = await logProbabilities(model, inputs, shown, caller);
    const tokens = await likeliestAnswer(system, inputs.ids, shown, caller);
    return { text: textOf(system, tokens), whole, hidden };
  });
}

/** The tile that a patch belongs to, both row by row; where the grid does not divide evenly some tiles are a patch larger. */
export function tileOf(patch: number, grid: number, side: number): number {
  const of = (at: number) => Math.floor((at * side) / grid);
  return of(Math.floor(patch / grid)) * side + of(patch % grid);
}

/**
 * A picture with some of its patches in the mean colour of all pictures, which normalisation has made 0.
 *
 * @param pixels `[3·S, S]`
 * @param grid patches a side
 */
export function greyed(pixels: Float32Array, grid: number, hidden: (patch: number) => boolean): Float32Array {
  const size = Math.sqrt(pixels.length / 3);
  const patch = size / grid;
  return pixels.map((value, at) => {
    const [row, column] = [Math.floor(at / size) % size, at % size];
    return hidden(Math.floor(row / patch) * grid + Math.floor(column / patch)) ? 0 : value;
  });
}

/** Features of all pictures, once for each way in which one of them was seen. */
function withPicture(
  all: Float32Array,
  ways: ArrayLike<number> & { subarray(from: number, to: number): ArrayLike<number> },
  picture: number,
  images: number,
): Float32Array {
  const each = all.length / images;
  const count = ways.length / each;
  const features = new Float32Array(count * all.length);
  for (let way = 0; way < count; way++) {
    features.set(all, way * all.length);
    features.set(ways.subarray(way * each, (way + 1) * each), way * all.length + picture * each);
  }
  return features;
}
