import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/architecture/config.ts';
import {
  draftAt,
  MIXTURES,
  openWorld,
  PAPER_STAGE_2,
  sampleAt,
  sharesOf,
  type TaskName,
  textOf,
  type World,
} from '../../src/data/index.ts';
import { THINGS } from '../../src/data/world/things.ts';
import { parseGrounding } from '../../src/input/boxes/grounding.ts';
import { parseSample, taskFormats } from '../../src/input/prompt/tasks.ts';
import { createTokenizer, type Tokenizer } from '../../src/input/text/tokenizer.ts';
import { requireBatch } from '../../src/train/batch.ts';
import { batchFor, sampleSequence } from '../../src/train/samples.ts';
import { spansOf } from '../../src/train/spans.ts';

let world: World;
let tokenizer: Tokenizer;
const VOCABULARY = 'src/data/vocabulary/qwen.tiktoken';
beforeAll(async () => {
  world = await openWorld();
  tokenizer = createTokenizer(await readFile(VOCABULARY, 'utf8'), VOCABULARY, 16);
});

const drafts = (stage: 0 | 1 | 2 | 3, count: number, task?: TaskName) =>
  Array.from({ length: count }, (_, i) => draftAt(world, { stage, seed: 9, ...(task ? { task } : {}) }, 1_000_000 + i));

describe('a sample of each task', () => {
  test.each(Object.keys(taskFormats) as (keyof typeof taskFormats)[])('%s has the format of the paper', (task) => {
    for (const { said, language, scenes } of drafts(2, 30, task)) {
      if (said.form !== 'completion') throw new Error('a conversation');
      const image = scenes.length > 0 ? '<img>1</img>' : '';
      for (const [i, { prompt, target }] of said.parts.entries()) {
        // The first has the picture; those after it are the same format without it.
        expect(prompt.startsWith('<img>')).toBe(i === 0 && scenes.length > 0);
        const parsed = parseSample({ prompt: i === 0 ? prompt : image + prompt, target });
        expect(parsed?.task).toBe(task);
        if (parsed && 'language' in parsed) expect(parsed.language).toBe(language);
      }
    }
  });

  test('speaks its language, shows its pictures, and asks for something', () => {
    for (const stage of [1, 2, 3] as const) {
      for (const draft of drafts(stage, 150)) {
        const text = textOf(draft);
        expect(text.match(/<img>\d+<\/img>/g) ?? []).toEqual(draft.scenes.map((_, i) => `<img>${i + 1}</img>`));
        if (draft.language === 'Chinese' && draft.task !== 'ocr') expect(text).toMatch(/\p{Script=Han}|in Chinese/u);
        const { ids, labels } = sampleSequence(tokenizer, draft);
        expect(ids.length).toBeLessThan(420);
        expect(labels.some((label) => label >= 0)).toBe(true);
        expect(labels.every((label, i) => label < 0 || label === ids[i])).toBe(true);
        const { problems } = parseGrounding(text);
        expect(problems.filter(({ message }) => !message.includes('<ref>'))).toEqual([]);
      }
    }
  });
});

test('a caption takes at most forty tokens beside its picture', () => {
  const lengths = drafts(1, 300).map((draft) => sampleSequence(tokenizer, draft).ids.length - 18);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(40);
});

test('places are told to the nearest hundredth', () => {
  for (const { scenes, said } of drafts(2, 60, 'grounded captioning')) {
    const places = parseGrounding(textOf({ said })).regions.flatMap(({ shapes }) => shapes.flat(2));
    const edges = scenes.flatMap(({ items }) => items.flatMap(({ box }) => box.map((share) => share * 1000)));
    expect(places.length).toBeGreaterThan(0);
    for (const place of places) {
      expect(place % 10).toBe(0);
      expect(Math.min(...edges.map((each) => Math.abs(each - place)))).toBeLessThanOrEqual(place === 990 ? 10 : 5.001);
    }
  }
});

test('the loss is on targets alone', () => {
  const [{ said }] = drafts(2, 1, 'visual question answering');
  const spans = spansOf(tokenizer, sampleSequence(tokenizer, { said }));
  const parts = said.form === 'completion' ? said.parts : [];
  expect(spans.filter(({ supervised }) => supervised).map(({ text }) => text)).toEqual(
    parts.map(({ target }) => target),
  );
  expect(spans.map(({ text }) => text).join('')).toBe(textOf({ said }));
});

test('every thing is one token, in both languages', () => {
  for (const { english, chinese } of THINGS) {
    expect.soft(tokenizer.encode(` ${english.split(' ').at(-1)}`)).toHaveLength(1);
    expect.soft(tokenizer.encode(chinese)).toHaveLength(1);
  }
});

test('tasks come as often as the mixture says', () => {
  const tasks = drafts(2, 1500).map(({ task }) => task);
  for (const [task, expected] of sharesOf(MIXTURES[2].shares)) {
    const found = tasks.filter((name) => name === task).length / tasks.length;
    // Four deviations of a share of 1,500.
    expect(Math.abs(found - expected), task).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / tasks.length));
  }
  expect(Object.values(PAPER_STAGE_2).reduce((sum, millions) => sum + millions, 0)).toBeCloseTo(76.8);
});

test('scenes grow from one thing to several', () => {
  const most = (from: number) =>
    Math.max(
      ...[0, 1, 2, 3, 4, 5, 6, 7].map((i) => draftAt(world, { stage: 1, seed: 1 }, from + i).scenes[0].items.length),
    );
  expect([0, 1400, 1600, 6000].map(most)).toEqual([1, 1, 2, 4]);
});

test('stage 0 has words in the place of pictures', () => {
  const samples = Array.from({ length: 40 }, (_, i) => sampleAt(world, { stage: 0, seed: 3, side: 112 }, i));
  for (const { pictures, slots, said } of samples) {
    expect(pictures).toEqual([]);
    expect(slots).toHaveLength(textOf({ said }).match(/<img>/g)?.length ?? 0);
    for (const words of slots ?? []) {
      expect(words).toHaveLength(16);
      expect(words.some((word) => word !== '')).toBe(true);
    }
  }
});

test('samples make a batch that training takes', async () => {
  const given = JSON.parse(await readFile('golden/tiny/config.json', 'utf8'));
  const config = parseConfig(
    { ...given, vocab_size: tokenizer.size, visual: { ...given.visual, image_start_id: tokenizer.special.imageStart } },
    'config.json',
  );
  const samples = [0, 1, 2, 3].map((i) => sampleAt(world, { stage: 3, seed: 1, side: 112 }, i));
  const batch = batchFor(tokenizer, config, samples);
  expect(() => requireBatch(batch, config)).not.toThrow();
  expect(batch.images).toBe(samples.reduce((sum, { pictures }) => sum + pictures.length, 0));
});
