import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Config, parseConfig } from '../../src/architecture/config.ts';
import { openWorld, sampleAt, type World, withShares } from '../../src/data/index.ts';
import { createTokenizer, type Tokenizer } from '../../src/input/text/tokenizer.ts';
import { requireBatch, type Sequence } from '../../src/train/batch.ts';
import type { TrainingData } from '../../src/train/lessons.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import { sceneData, wordSequence } from '../../src/train/scene-data.ts';

let world: World;
let tokenizer: Tokenizer;
let config: Config;
let data: TrainingData;
beforeAll(async () => {
  world = await openWorld();
  tokenizer = createTokenizer(await readFile('src/data/vocabulary/qwen.tiktoken', 'utf8'), 'small', 16);
  const path = 'src/train/small/config.json';
  config = parseConfig(JSON.parse(await readFile(path, 'utf8')), path);
  data = sceneData(world, tokenizer, config, 3);
});

test('the small model’s configuration is that of its vocabulary', () => {
  expect([tokenizer.size, tokenizer.special.imageStart]).toEqual([config.vocab_size, config.visual.image_start_id]);
});

describe('a batch', () => {
  const recipe = { ...RECIPES.small['stage-2'], batch: 6 };

  test.each([
    ['decoder', 112],
    ['stage-1', 56],
    ['stage-2', 112],
    ['stage-3', 112],
  ] as const)('of %s can be learned', async (phase, side) => {
    const batch = await data.batch(phase, 2, recipe, side);
    requireBatch(batch, { ...config, visual: { ...config.visual, image_size: side } });
    expect(batch.sequences).toHaveLength(6);
    expect(batch.tasks).toHaveLength(6);
    expect(batch.images > 0).toBe(phase !== 'decoder');
  });

  test('is the same whatever was asked for before, and follows the one before it', async () => {
    const other = sceneData(world, tokenizer, config, 3);
    await other.batch('stage-1', 9, recipe, 56);
    expect(await other.batch('stage-2', 2, recipe, 112)).toEqual(await data.batch('stage-2', 2, recipe, 112));
    const both = await data.batch('stage-2', 1, { ...recipe, batch: 12 }, 112);
    const second = await data.batch('stage-2', 2, recipe, 112);
    expect(both.sequences.slice(6)).toEqual(second.sequences);
    expect(await sceneData(world, tokenizer, config, 4).batch('stage-2', 2, recipe, 112)).not.toEqual(second);
  });

  test('is of the mixture that is asked for', async () => {
    const mixture = withShares(2, { caption: 1e9 });
    const { tasks } = await sceneData(world, tokenizer, config, 3, mixture).batch('stage-2', 2, recipe, 112);
    expect(tasks).toEqual(Array(6).fill('caption'));
  });

  test('is packed: sequences of one task that hold whole samples, each with its labels and its pictures', async () => {
    const many = { ...recipe, batch: 24 };
    const apart = await data.batch('stage-2', 2, many, 112);
    const packed = await data.batch('stage-2', 2, { ...many, pack: 240 }, 112);
    requireBatch(packed, config);
    const { imageStart, imageEnd } = tokenizer.special;
    const picturesIn = (ids: Int32Array) => ids.filter((id) => id === imageStart).length;
    // What stands for a picture's rows is its number, which another has in a pack.
    const seen = ({ ids, labels }: Sequence) => {
      let inside = false;
      return [...ids].map((id, i) => {
        inside = id === imageStart || (inside && id !== imageEnd);
        return `${inside && id !== imageStart ? 'row' : id}:${labels[i]}`;
      });
    };
    const size = 3 * 112 * 112;
    const singles = apart.sequences.map((sequence, i) => {
      const before = apart.sequences.slice(0, i).reduce((sum, { ids }) => sum + picturesIn(ids), 0);
      const pixels = apart.pixels.subarray(before * size, (before + picturesIn(sequence.ids)) * size);
      return { task: apart.tasks[i], seen: seen(sequence), pixels };
    });
    const order: typeof singles = [];
    for (const [i, sequence] of packed.sequences.entries()) {
      expect(sequence.ids.length).toBeLessThanOrEqual(240);
      for (let left = seen(sequence); left.length > 0; ) {
        const next = singles.findIndex(
          ({ task, seen }) => task === packed.tasks[i] && seen.every((each, at) => each === left[at]),
        );
        expect(next, `${packed.tasks[i]} ${left.join(' ')}`).not.toBe(-1);
        const [single] = singles.splice(next, 1);
        order.push(single);
        left = left.slice(single.seen.length);
      }
    }
    expect(singles).toEqual([]);
    expect(packed.sequences.length).toBeLessThan(18);
    const pixels = Buffer.concat(order.map((single) => Buffer.from(single.pixels.slice().buffer)));
    expect(pixels.equals(Buffer.from(packed.pixels.buffer))).toBe(true);
  });
});

test('an encoder’s batch names every patch of its pictures', async () => {
  const { pixels, images, things, boxes } = await data.patches!.batch(1, { ...RECIPES.small.encoder, batch: 3 }, 112);
  expect([pixels.length, images, things.length, boxes.length]).toEqual([3 * 3 * 112 * 112, 3, 3 * 64, 3 * 64 * 4]);
  expect(new Set(things).size).toBeGreaterThan(2);
  expect(Math.max(...things)).toBeLessThan(data.patches!.things);
  for (const [patch, thing] of things.entries()) {
    const [left, top, right, bottom] = boxes.subarray(4 * patch, 4 * patch + 4);
    if (thing > 0) expect(left < right && top < bottom && right <= 1 && bottom <= 1, `${patch}`).toBe(true);
  }
});

test('where a picture would be stand the words of its slots', () => {
  const options = { stage: 0, seed: 3, side: 112, slotsPerSide: 4, task: 'caption' } as const;
  const samples = Array.from({ length: 20 }, (_, i) => sampleAt(world, options, i));
  for (const sample of samples) {
    const { ids, labels } = wordSequence(tokenizer, sample);
    const [words] = sample.slots!;
    expect(words).toHaveLength(16);
    for (const [slot, word] of words.entries()) {
      const id = ids[1 + slot];
      expect(id).toBe(word === '' ? tokenizer.special.imagePad : tokenizer.encode(word)[0]);
    }
    expect(labels.subarray(0, 18).every((label) => label < 0)).toBe(true);
    expect([ids[0], ids[17]]).toEqual([tokenizer.special.imageStart, tokenizer.special.imageEnd]);
    expect(labels.at(-1)).toBe(tokenizer.special.endOfText);
  }
  const named = samples.flatMap(({ slots }) => slots!.flat()).filter((word) => word !== '');
  const whole = named.filter((word) => tokenizer.encode(word).length === 1);
  expect(whole.length / named.length).toBeGreaterThan(0.8);
  expect(/[a-z]/.test(named.join('')) && /\p{Script=Han}/u.test(named.join(''))).toBe(true);
});
