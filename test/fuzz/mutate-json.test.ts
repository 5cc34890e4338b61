import { expect, test } from 'vitest';
import { mutateJson } from './mutate-json.ts';
import { randomOf } from './random.ts';

test('no case depends on those before it, and none is larger than what reads it takes', () => {
  const document = JSON.stringify({ a: [1, [2, 3]], b: { c: 'text', d: [{}, {}] } });
  const make = (number: number) => mutateJson(randomOf(1, 'json', number), [document]);
  const first = Array.from({ length: 2000 }, (_, number) => make(number));
  expect(Array.from({ length: 2000 }, (_, number) => make(1999 - number)).reverse()).toEqual(first);
  expect(Math.max(...first.map((text) => text.length))).toBeLessThan(4 * 2 ** 20);
});
