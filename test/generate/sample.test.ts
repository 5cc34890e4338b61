import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/error.ts';
import { splitMix64 } from '../../src/generate/random.ts';
import { createSampler, GREEDY, requireSampling, type Sampling } from '../../src/generate/sample.ts';

const none = new Int32Array(0);
const sampler = (sampling: Partial<Sampling>, prompt = none, stops: number[] = []) =>
  createSampler({ ...GREEDY, temperature: 1, ...sampling }, prompt, stops);

/** How often each id is chosen, out of `count` draws of one sampler. */
function shares(scores: readonly number[], sampling: Partial<Sampling>, count = 20_000): number[] {
  const chosen = scores.map(() => 0);
  const from = sampler(sampling);
  for (let i = 0; i < count; i++) chosen[from.choose(scores)]++;
  return chosen.map((times) => times / count);
}

function softmax(scores: readonly number[]): number[] {
  const weights = scores.map((score) => Math.exp(score));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

const expectShares = (found: number[], wanted: number[]) => {
  for (const [i, share] of wanted.entries()) {
    expect(Math.abs(found[i] - share)).toBeLessThan(0.015); // four deviations of 20,000 draws
    if (share === 0) expect(found[i]).toBe(0);
  }
};

const scores = [0.3, 2, -1, 1.5, 0.3];

test('SplitMix64 gives the published numbers', () => {
  // The reference implementation's outputs for the seed 1234567, their upper 53 bits.
  const expected = [6457827717110365317n, 3203168211198807973n, 9817491932198370423n, 4593380528125082431n];
  const random = splitMix64(1234567);
  expect(expected.map(() => random())).toEqual(expected.map((value) => Number(value >> 11n) / 2 ** 53));
});

describe('draws follow the probabilities', () => {
  test('as they are, and sharpened by the temperature', () => {
    expectShares(shares(scores, {}), softmax(scores));
    expectShares(shares(scores, { temperature: 0.5 }), softmax(scores.map((score) => 2 * score)));
  });

  test('of the k likeliest alone', () => {
    const [b, d] = softmax([2, 1.5]);
    expectShares(shares(scores, { topK: 2 }), [0, b, 0, d, 0]);
    expectShares(shares([1, 2, 1, 0], { topK: 2 }), [...softmax([1, 2, 1]), 0]); // the second likeliest are two
  });

  test('of the smallest set that reaches p', () => {
    const [b, d] = softmax([2, 1.5]); // 0.49 and 0.30 of all
    expectShares(shares(scores, { topP: 0.52 }), [0, b, 0, d, 0]);
    expectShares(shares(scores, { topP: 0.49 }), [0, 1, 0, 0, 0]);
    expectShares(shares(scores, { topP: 0 }), [0, 1, 0, 0, 0]);
    expectShares(shares(scores, { topK: 2, topP: 0.6 }), [0, 1, 0, 0, 0]); // p counts what k left
  });
});

test('temperature 0 is the likeliest, the first of equals', () => {
  const from = sampler({ temperature: 0 });
  expect(from.likeliest).toBe(true);
  expect(from.choose([1, 3, 3, 2])).toBe(1);
});

test('what was said becomes less likely, whatever the sign of its score', () => {
  const greedy = sampler({ temperature: 0, repetitionPenalty: 2 }, Int32Array.of(0));
  expect(greedy.likeliest).toBe(false);
  expect(greedy.choose([3, 2, -1])).toBe(1);
  greedy.accept(1);
  expect(greedy.choose([-1.5, -1, -1.9])).toBe(2);
});

test('an answer does not end before its time', () => {
  const from = sampler({ temperature: 0, minNewTokens: 2 }, none, [1, 3]);
  const chosen = Array.from({ length: 3 }, () => {
    const id = from.choose([1, 5, 2, 6]);
    from.accept(id);
    return id;
  });
  expect(chosen).toEqual([2, 2, 3]);
  expect(from.likeliest).toBe(true);
});

test('a seed decides, and devices that differ in the last bits agree', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 300 }),
      fc.record({
        temperature: fc.double({ min: 0.1, max: 3, noNaN: true }),
        topK: fc.nat(20),
        topP: fc.double({ min: 0, max: 1, noNaN: true }),
        seed: fc.nat(),
      }),
      (values, sampling) => {
        // How many tokens are as likely as the last of the top k must not hang on the last bits.
        const order = [...values].sort((a, b) => b - a);
        const [last, next] = [order[sampling.topK - 1], order[sampling.topK]];
        fc.pre(!(last - next > 0 && last - next < 1e-12));
        const [one, again] = [sampler(sampling), sampler(sampling)];
        const ids = Array.from({ length: 5 }, () => one.choose(values));
        expect(ids.every((id) => id >= 0 && id < values.length)).toBe(true);
        expect(Array.from({ length: 5 }, () => again.choose(values.map((value) => value + 3)))).toSatisfy(
          // A shift of all scores rounds each differently and changes no probability.
          (others: number[]) => others.every((id, i) => id === ids[i] || Math.abs(values[id] - values[ids[i]]) < 1e-4),
        );
      },
    ),
  );
});

test('impossible settings are refused by name', () => {
  const refused: [Partial<Sampling>, string][] = [
    [{ temperature: -1 }, 'temperature: -1, expected a number from 0 to 10,000'],
    [{ topK: 1.5 }, 'topK: 1.5, expected a whole number, 0 for no limit'],
    [{ topP: Number.NaN }, 'topP: NaN, expected a number from 0 to 1'],
    [{ repetitionPenalty: 0 }, 'repetitionPenalty: 0, expected a number from 0.0001'],
    [{ repetitionPenalty: 1e-308 }, 'repetitionPenalty: 1e-308, expected a number from 0.0001'],
    [{ minNewTokens: -1 }, 'minNewTokens: -1'],
    [{ seed: -1 }, 'seed: -1'],
  ];
  for (const [setting, message] of refused) {
    expect(() => requireSampling({ ...GREEDY, ...setting })).toThrow(InputError);
    expect(() => requireSampling({ ...GREEDY, ...setting })).toThrow(message);
  }
});
