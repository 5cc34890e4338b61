import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/error.ts';
import type { Box, Quad, Region, Shape } from '../../src/input/boxes/grounding.ts';
import { isPlain } from '../../src/input/prompt/pieces.ts';
import type { Piece } from '../../src/input/prompt/prompt.ts';
import {
  encodeSample,
  evaluationFormats,
  formatEvaluation,
  formatSample,
  parseSample,
  type Sample,
  type Task,
  taskFormats,
} from '../../src/input/prompt/tasks.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { hostileTexts, visitedCharacters } from './visited.ts';
import { readText } from './vocabularies.ts';

const tokenizer = createTokenizer(readText('golden/tiny/qwen.tiktoken'), 'qwen.tiktoken', 16);
const box = (x1: number, y1: number, x2: number, y2: number): Box => [
  [x1, y1],
  [x2, y2],
];

/** The examples of the paper. */
const examples: { [Name in Task]: { sample: Extract<Sample, { task: Name }>; prompt: string; target: string } } = {
  caption: {
    sample: { task: 'caption', image: 'a.jpg', language: 'English', caption: 'the beautiful flowers for design.' },
    prompt: '<img>a.jpg</img>Generate the caption in English:',
    target: ' the beautiful flowers for design.<|endoftext|>',
  },
  'visual question answering': {
    sample: { task: 'visual question answering', image: 'a.jpg', question: 'Is it a cat?', answer: 'No, a dog.' },
    prompt: '<img>a.jpg</img>Is it a cat? Answer:',
    target: ' No, a dog.<|endoftext|>',
  },
  'caption with grounding': {
    sample: {
      task: 'caption with grounding',
      image: 'a.jpg',
      language: 'English',
      groundedCaption: [
        { text: 'Beautiful shot of ' },
        { ref: 'bees', shapes: [box(661, 612, 833, 812), box(120, 555, 265, 770)] },
        { text: ' gathering nectars' },
      ],
    },
    prompt: '<img>a.jpg</img>Generate the caption in English with grounding:',
    target:
      ' Beautiful shot of <ref>bees</ref><box>(661,612),(833,812)</box><box>(120,555),(265,770)</box>' +
      ' gathering nectars<|endoftext|>',
  },
  'referring grounding': {
    sample: {
      task: 'referring grounding',
      image: 'a.jpg',
      phrase: 'the ear on a giraffe',
      shapes: [box(176, 106, 232, 160)],
    },
    prompt: '<img>a.jpg</img><ref>the ear on a giraffe</ref>',
    target: '<box>(176,106),(232,160)</box><|endoftext|>',
  },
  'grounded captioning': {
    sample: {
      task: 'grounded captioning',
      image: 'a.jpg',
      box: box(360, 542, 476, 705),
      description: 'Yellow cross country ski racing gloves',
    },
    prompt: '<img>a.jpg</img><ref>This</ref><box>(360,542),(476,705)</box> is',
    target: ' Yellow cross country ski racing gloves<|endoftext|>',
  },
  ocr: {
    sample: {
      task: 'ocr',
      image: 'a.jpg',
      lines: [
        {
          ref: 'It is managed',
          shapes: [
            [
              [568, 121],
              [625, 131],
              [624, 182],
              [567, 172],
            ],
          ],
        },
      ],
    },
    prompt: '<img>a.jpg</img>OCR with grounding:',
    target: ' <ref>It is managed</ref><quad>(568,121),(625,131),(624,182),(567,172)</quad><|endoftext|>',
  },
  text: {
    sample: { task: 'text', text: 'No picture at all.' },
    prompt: '',
    target: 'No picture at all.<|endoftext|>',
  },
};

const point = fc.tuple(fc.nat(999), fc.nat(999));
const anyBox = fc
  .tuple(point, point)
  .map(([[a, b], [c, d]]): Box => box(Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)));
const quad: fc.Arbitrary<Quad> = fc.tuple(point, point, point, point);
const shapes: fc.Arbitrary<Shape[]> = fc.array(fc.oneof(anyBox, quad), { minLength: 1, maxLength: 3 });
const literals = Object.values(taskFormats).flatMap(({ prompt, target }) => `${prompt}${target}`.split(/\{\w+\}/));
/** Words that contain the formats' own where they can. */
const words = fc
  .array(
    fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom(...literals, ' Answer:', '{text}', '$&')),
    {
      maxLength: 3,
    },
  )
  .map((parts) => parts.join('').normalize('NFC'))
  .filter(isPlain);
const image = fc.string({ maxLength: 16 }).filter(isPlain);
const language = fc.constantFrom('English' as const, 'Chinese' as const);
const named: fc.Arbitrary<Region> = fc.record({ ref: words, shapes });
const groundedCaption: fc.Arbitrary<Piece[]> = fc
  .array(fc.oneof(fc.record({ text: words.filter((text) => text !== '') }), named), { maxLength: 4 })
  .map((list) => list.filter((piece, index) => !('text' in piece && index > 0 && 'text' in list[index - 1])));

const samples: { [Name in Task]: fc.Arbitrary<Extract<Sample, { task: Name }>> } = {
  caption: fc.record({ task: fc.constant('caption'), image, language, caption: words }),
  'visual question answering': fc.record({
    task: fc.constant('visual question answering'),
    image,
    question: words,
    answer: words,
  }),
  'caption with grounding': fc.record({
    task: fc.constant('caption with grounding'),
    image,
    language,
    groundedCaption,
  }),
  'referring grounding': fc.record({ task: fc.constant('referring grounding'), image, phrase: words, shapes }),
  'grounded captioning': fc.record({
    task: fc.constant('grounded captioning'),
    image,
    box: anyBox,
    description: words,
  }),
  ocr: fc.record({
    task: fc.constant('ocr'),
    image,
    lines: fc.array(fc.record({ ref: words, shapes: fc.tuple(quad) }), { maxLength: 3 }),
  }),
  text: fc.record({ task: fc.constant('text'), text: words }),
};

describe.each(Object.keys(taskFormats) as Task[])('%s', (task) => {
  const { sample, prompt, target } = examples[task];

  test('is written as in the paper', () => {
    expect(formatSample(sample)).toEqual({ prompt, target });
    expect(parseSample({ prompt, target })).toEqual(sample);
    expect(parseSample({ prompt, target: target.replace('<|endoftext|>', '') })).toEqual(sample);
  });

  test('comes back from its text, whatever its words', () => {
    fc.assert(
      fc.property(samples[task], (sample) => {
        expect(parseSample(formatSample(sample))).toEqual(sample);
      }),
      { numRuns: 200 },
    );
  });

  test('has the ids of its whole text, cut where the loss begins', () => {
    fc.assert(
      fc.property(samples[task], (sample) => {
        // Written behind a tag, U+0338 would be composed with its ">".
        fc.pre(!JSON.stringify(sample).includes('\u0338'));
        const { prompt, target } = formatSample(sample);
        const encoded = encodeSample(tokenizer, sample);
        const whole = tokenizer.encode(prompt + target, { special: 'all' });
        expect([...encoded.prompt.ids, ...encoded.target]).toEqual(whole);
        expect(encoded.target.at(-1)).toBe(tokenizer.special.endOfText);
        expect(encoded.prompt.images.map(({ name }) => name)).toEqual('image' in sample ? [sample.image] : []);
      }),
      { numRuns: 100 },
    );
  });
});

test('evaluation prompts are those of the released scripts', () => {
  expect(formatEvaluation('caption', { image: 'a' })).toBe('<img>a</img>Describe the image in English:');
  expect(formatEvaluation('visual question answering', { image: 'a', question: 'Why?' })).toBe(
    '<img>a</img>Why? Answer:',
  );
  expect(formatEvaluation('referring grounding', { image: 'a', phrase: 'b' })).toBe('<img>a</img><ref>b</ref><box>');
  expect(Object.keys(taskFormats)).toEqual(expect.arrayContaining(Object.keys(evaluationFormats)));
});

test('what a format cannot say is refused', () => {
  const { caption, ocr } = examples;
  const grounding = examples['referring grounding'].sample;
  const wrong: Sample[] = [
    { ...caption.sample, caption: 'a<|endoftext|>' },
    { ...caption.sample, image: '</img>' },
    { ...grounding, shapes: [] },
    { ...grounding, shapes: [box(3, 0, 1, 1)] },
    { ...grounding, shapes: [box(0, 0, 1, 1000)] },
    { ...grounding, phrase: '<ref>' },
    { ...examples['caption with grounding'].sample, groundedCaption: [{ image: 'b' }] },
    { ...examples['caption with grounding'].sample, groundedCaption: [{ text: '<re' }, { text: 'f>' }] },
    { ...ocr.sample, lines: [{ ref: 'a</ref>', shapes: ocr.sample.lines[0].shapes }] },
    JSON.parse('{"task":"caption","image":"a","language":"French","caption":"b"}'),
  ];
  for (const sample of wrong) expect(() => formatSample(sample), JSON.stringify(sample)).toThrow(TextError);
});

test.each([
  ['<img>a</img>Generate the caption in French:', ' b'],
  ['<img>a</img>Generate the caption in English:', 'b'],
  ['<img>a</img>Generate the caption in English:', ' <ref>b'],
  ['<img>a</img>Generate the caption in English', ' b'],
  ['<img>a<ref></img>Why? Answer:', ' b'],
  ['<img>aWhy? Answer:', ' b'],
  ['<img>a</img><ref>b</ref>', '<box>(3,0),(1,1)</box>'],
  ['<img>a</img><ref>b</ref>', ''],
  ['<img>a</img><ref>This</ref><quad>(1,2),(3,4),(5,6),(7,8)</quad> is', ' b'],
  ['<img>a</img>OCR with grounding:', ' <ref>a</ref><box>(1,2),(3,4)</box>'],
  ['Why?', 'b'],
])('%j, %j is none of the formats', (prompt, target) => {
  expect(parseSample({ prompt, target })).toBeNull();
});

test('hostile texts are gone through a bounded number of times', () => {
  for (const text of hostileTexts) {
    for (const [prompt, target] of [
      [text, text],
      [`<img>a</img>${text} Answer:`, ` ${text}`],
      [`<img>${text}</img>Generate the caption in English with grounding:`, ` ${text}`],
      ['<img>a</img>OCR with grounding:', ` ${text}`],
      ['', text],
    ]) {
      const visited = visitedCharacters(() => void parseSample({ prompt, target }));
      expect(visited / text.length, `${prompt.slice(0, 40)} ⇒ ${target.slice(0, 20)}`).toBeLessThan(40);
    }
  }
});
