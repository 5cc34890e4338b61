import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/architecture/config.ts';
import { type Batch, requireBatch } from '../../src/train/batch.ts';

const config = parseConfig(JSON.parse(readFileSync('golden/quirks/model-e.config.json', 'utf8')), 'config.json');
const { vocab_size: V, visual } = config;
const { image_start_id: start, n_queries: Q, image_size: size } = visual;

const picture = [start, ...new Array<number>(Q).fill(start + 2), start + 1];
const sequence = (ids: number[], labels = ids) => ({ ids: Int32Array.from(ids), labels: Int32Array.from(labels) });
const text: Batch = { sequences: [sequence([1, 2, 3])], pixels: new Float32Array(), images: 0 };
const shown: Batch = {
  sequences: [sequence([1, ...picture, 2])],
  pixels: new Float32Array(3 * size * size),
  images: 1,
};

test.each([text, shown])('a batch that says something is taken', (batch) => {
  expect(() => requireBatch(batch, config)).not.toThrow();
});

test.each<[string, Batch, RegExp]>([
  ['no conversation', { ...text, sequences: [] }, /^batch: it has no conversation/],
  ['an empty one', { ...text, sequences: [...text.sequences, sequence([])] }, /^conversation 1: it is empty/],
  [
    'one that is too long',
    { ...text, sequences: [sequence(new Array(9000).fill(1))] },
    /9000 tokens, expected at most/,
  ],
  ['a label too few', { ...text, sequences: [sequence([1, 2, 3], [1, 2])] }, /2 labels for 3 tokens/],
  [
    'a token outside',
    { ...text, sequences: [sequence([1, V, 3])] },
    new RegExp(`token 1 is ${V}, expected one of ${V}`),
  ],
  ['a negative token', { ...text, sequences: [sequence([1, -2, 3], [1, 2, 3])] }, /token 1 is -2/],
  ['a label outside', { ...text, sequences: [sequence([1, 2, 3], [1, 2, V])] }, new RegExp(`label 2 is ${V}`)],
  ['nothing supervised', { ...text, sequences: [sequence([1, 2, 3], [1, -100, -100])] }, /no token is supervised/],
  [
    'a cut picture',
    { ...shown, sequences: [sequence([1, ...picture.slice(0, -2)])] },
    /picture at token 1 has not its/,
  ],
  ['a picture without its place', { ...shown, sequences: text.sequences }, /1 pictures for 0 places/],
  ['a place without its picture', { ...shown, images: 0, pixels: new Float32Array() }, /0 pictures for 1 places/],
  ['pixels of another size', { ...shown, pixels: new Float32Array(12) }, /12 pixels, expected/],
])('%s is refused by name', (_, batch, message) => {
  expect(() => requireBatch(batch, config)).toThrow(message);
});
