import { fnv1a } from '../../src/checkpoint/procedural.ts';
import { splitMix64 } from '../../src/generate/random.ts';

/** The choices of one case. */
export interface Random {
  /** A whole number from 0 to n − 1; 0 for n = 0. */
  below(n: number): number;
  chance(probability: number): boolean;
  pick<Value>(values: readonly Value[]): Value;
  /** One of these, as often as its weight says. */
  weighted<Value>(values: readonly (readonly [weight: number, value: Value])[]): Value;
}

/** Cases of a target are numbered from 0 to below this. */
export const MOST_CASES = 2 ** 21;

/** Choices that seed, target and number alone decide, so that any case can be made again without those before it. */
export function randomOf(seed: number, target: string, number: number): Random {
  const next = splitMix64(fnv1a(`${seed}:${target}`) * MOST_CASES + number);
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    chance: (probability) => next() < probability,
    pick: (values) => values[below(values.length)],
    weighted(values) {
      let left = next() * values.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of values) {
        left -= weight;
        if (left < 0) return value;
      }
      return values[0][1]; // only if rounding left nothing over
    },
  };
}
