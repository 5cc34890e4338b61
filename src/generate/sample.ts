import { InputError, ScoreError } from '../error.ts';
import { splitMix64 } from './random.ts';

/** How the next token is chosen. */
export interface Sampling {
  /** Scores are divided by it; 0 chooses the likeliest token. */
  readonly temperature: number;
  /** Only so many of the likeliest tokens are considered; 0: all. */
  readonly topK: number;
  /** Only the smallest set of likeliest tokens is considered whose probabilities reach this. */
  readonly topP: number;
  /** What prompt and answer hold already becomes less likely: positive scores are divided by it, others multiplied. */
  readonly repetitionPenalty: number;
  /** The answer does not end before it has so many tokens. */
  readonly minNewTokens: number;
  readonly seed: number;
}

export const GREEDY: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  minNewTokens: 0,
  seed: 0,
};

/** Chooses the tokens of one answer, one after the other. */
export interface Sampler {
  /** Whether the likeliest token is all that is asked for: then scores need not leave the device. */
  readonly likeliest: boolean;
  /** @param scores `[V]` @throws ScoreError where one is NaN or infinite */
  choose(scores: ArrayLike<number>): number;
  /** Takes up a token that was chosen. */
  accept(id: number): void;
}

/**
 * @param called what a value is called where it was given
 * @throws InputError that names the first impossible value
 */
export function requireSampling(sampling: Sampling, called: (name: keyof Sampling) => string = (name) => name): void {
  const { temperature, topK, topP, repetitionPenalty, minNewTokens, seed } = sampling;
  const whole = (value: number) => Number.isSafeInteger(value) && value >= 0;
  const rules: [keyof Sampling, boolean, string][] = [
    ['temperature', temperature >= 0 && temperature <= 1e4, 'a number from 0 to 10,000'],
    ['topK', whole(topK), 'a whole number, 0 for no limit'],
    ['topP', topP >= 0 && topP <= 1, 'a number from 0 to 1'],
    // Smaller ones would make scores infinite.
    ['repetitionPenalty', repetitionPenalty >= 1e-4 && repetitionPenalty <= 1e4, 'a number from 0.0001 to 10,000'],
    ['minNewTokens', whole(minNewTokens), 'a whole number'],
    ['seed', whole(seed), 'a whole number from 0 to 2^53 − 1'],
  ];
  for (const [name, holds, expected] of rules) {
    if (!holds) throw new InputError(called(name), `${sampling[name]}, expected ${expected}`, 'give such a value');
  }
}

/**
 * A sampler for one answer. The order of the steps is the one of Hugging Face's `generate`, which the original uses: penalty
 * for repetition (Keskar et al. 2019, arXiv 1909.05858, section 4.1), no end before its time, temperature, top-k, top-p
 * (Holtzman et al. 2020, arXiv 1904.09751, section 3.1).
 *
 * A draw takes one random number and goes through the candidates from the likeliest on. Devices that agree on their
 * order, and on their probabilities to within 1e-6, so give the same tokens for a seed, but for about one draw in a million,
 * and where two scores at the last place of the top k are equal on one device and not on the other.
 *
 * @param prompt its tokens count as repetitions
 * @param stops ids that end an answer
 */
export function createSampler(sampling: Sampling, prompt: Int32Array, stops: readonly number[]): Sampler {
  const { temperature, topK, topP, repetitionPenalty, minNewTokens, seed } = sampling;
  const random = splitMix64(seed);
  const seen = new Set(repetitionPenalty === 1 ? [] : prompt);
  let made = 0;

  function adjusted(scores: ArrayLike<number>): Float64Array {
    const values = Float64Array.from(scores);
    if (!values.every(Number.isFinite)) throw new ScoreError(made + 1);
    for (const id of seen)
      values[id] = values[id] > 0 ? values[id] / repetitionPenalty : values[id] * repetitionPenalty;
    if (made < minNewTokens) for (const id of stops) values[id] = Number.NEGATIVE_INFINITY;
    return values;
  }

  return {
    get likeliest() {
      return temperature === 0 && repetitionPenalty === 1 && made >= minNewTokens;
    },
    choose(scores) {
      const values = adjusted(scores);
      return temperature === 0 ? largest(values) : draw(values, { temperature, topK, topP }, random());
    },
    accept(id) {
      made++;
      if (repetitionPenalty !== 1) seen.add(id);
    },
  };
}

/** The index of the largest value, the first of equals. */
function largest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** @param uniform in [0, 1) */
function draw(
  scores: Float64Array,
  { temperature, topK, topP }: Pick<Sampling, 'temperature' | 'topK' | 'topP'>,
  uniform: number,
): number {
  const top = scores[largest(scores)];
  const weights = scores.map((score) => Math.exp((score - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Tokens below this have less than 1 − topP together, with all that are as unlikely: they cannot be chosen, nor need sorting.
  const floor = topK > 0 ? 0 : ((1 - topP) * total) / weights.length;
  let candidates = Uint32Array.from(weights.keys()).filter((id) => weights[id] > 0 && weights[id] >= floor);
  candidates.sort((a, b) => scores[b] - scores[a] || a - b);
  if (topK > 0 && topK < candidates.length) {
    const least = scores[candidates[topK - 1]];
    candidates = candidates.filter((id) => scores[id] >= least); // as likely as the last of them is as good, as in transformers
  }

  const mass = topK > 0 ? candidates.reduce((sum, id) => sum + weights[id], 0) : total;
  let count = 0;
  let kept = 0;
  while (count < candidates.length && (count === 0 || kept < topP * mass)) kept += weights[candidates[count++]];
  let left = uniform * kept;
  for (const id of candidates.subarray(0, count)) {
    left -= weights[id];
    if (left < 0) return id;
  }
  return candidates[count - 1]; // rounding may leave a trace of the last one's weight
}
