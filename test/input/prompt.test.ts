import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TextError } from '../../src/error.ts';
import { formatGrounding, type Region } from '../../src/input/boxes/grounding.ts';
import { chatPrompt, chatStops, type Piece, rawPrompt, rawStops, type Turn } from '../../src/input/prompt/prompt.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { readText, realVocabulary } from './vocabularies.ts';

const tiny = createTokenizer(readText('golden/tiny/qwen.tiktoken'), 'qwen.tiktoken', 16);
const { special } = tiny;
const turns = (history: [string, string][]): Turn[] => history.map(([user, assistant]) => ({ user, assistant }));

type Context = {
  query: string;
  history: [string, string][];
  system: string;
  max_window_size: number;
  raw_text: string;
  ids: number[];
};
type Answer = { name: string; query: string; history: [string, string][]; prompt_ids: number[] };

describe('goldens', () => {
  test('70 chat contexts have the ids of the original', () => {
    const tokenizer = createTokenizer(realVocabulary(), 'qwen.tiktoken');
    const contexts = JSON.parse(readText('golden/tokenizer/chatml.json')) as Context[];
    expect(contexts).toHaveLength(70);
    for (const { query, history, system, max_window_size: maxWindowSize, raw_text: text, ids } of contexts) {
      const prompt = chatPrompt(
        tokenizer,
        { system, history: turns(history), query },
        { maxWindowSize, allowSpecial: true },
      );
      expect([...prompt.ids]).toEqual(ids);
      expect(tokenizer.decode(prompt.ids)).toBe(text.normalize('NFC'));
    }
  });

  test('the small checkpoint has the same prompts, from text and from pieces', () => {
    const answers = JSON.parse(readText('golden/tiny/answers.json')) as Answer[];
    expect(answers.length).toBeGreaterThan(0);
    /** `Picture i: <img></img>\n` as a piece. */
    const pieces = (text: string): Piece[] =>
      text.split(/Picture \d+: <img><\/img>\n/).flatMap((text, index) => [...(index ? [{ image: '' }] : []), { text }]);
    for (const { query, history, prompt_ids: ids, name } of answers) {
      const written = chatPrompt(tiny, { history: turns(history), query }, { allowSpecial: true });
      expect([...written.ids], name).toEqual(ids);
      const built = chatPrompt(tiny, {
        history: history.map(([user, assistant]) => ({ user: pieces(user), assistant })),
        query: pieces(query),
      });
      expect(built, name).toEqual(written);
    }
  });
});

describe('images', () => {
  test('are numbered through the conversation, and their rows are where they say', () => {
    const { ids, images } = chatPrompt(tiny, {
      history: [{ user: [{ image: 'a.png' }, { text: 'What?' }], assistant: 'A cat.' }],
      query: [{ text: 'And' }, { image: 'b.png' }, { image: 'c/é.png' }, { text: '?' }],
    });
    expect(images.map(({ name, picture, count }) => [name, picture, count])).toEqual([
      ['a.png', 1, 16],
      ['b.png', 2, 16],
      ['c/é.png', 3, 16],
    ]);
    for (const { start, count } of images) {
      expect([ids[start - 1], ids[start + count]]).toEqual([special.imageStart, special.imageEnd]);
    }
    const text = tiny.decode(ids);
    expect(text).toContain('Picture 1: <img>a.png</img>\nWhat?');
    expect(text).toContain('AndPicture 2: <img>b.png</img>\nPicture 3: <img>c/é.png</img>\n?');
  });

  test('those of forgotten turns are gone, but counted', () => {
    const chat = {
      history: [
        { user: [{ image: 'a' }], assistant: 'x' },
        { user: [{ image: 'b' }], assistant: 'y' },
      ],
      query: [{ image: 'c' }],
    };
    const all = chatPrompt(tiny, chat);
    expect(all.images.map(({ picture }) => picture)).toEqual([1, 2, 3]);
    // Without the query and what stands around it: system message and both turns, the size that is compared.
    const query = chatPrompt(tiny, { ...chat, history: [] }).ids.length;
    const system = chatPrompt(tiny, { query: '' }).ids.indexOf(special.imEnd) + 1;
    const size = all.ids.length - query + system;
    const kept = (maxWindowSize: number) => chatPrompt(tiny, chat, { maxWindowSize }).images;
    expect(kept(size).map(({ picture, name }) => [picture, name])).toEqual([
      [2, 'b'],
      [3, 'c'],
    ]);
    expect(kept(size + 1)).toHaveLength(3);
    expect(kept(0)).toEqual([expect.objectContaining({ picture: 3, name: 'c' })]);
  });

  test('neighbouring texts are encoded as one', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 5 })), (parts) => {
        const pieces = parts.map((text) => ({ text }));
        expect(rawPrompt(tiny, pieces)).toEqual(rawPrompt(tiny, parts.join('')));
      }),
    );
  });
});

describe('regions', () => {
  test('are written as text with special tokens is', () => {
    const region: Region = {
      ref: 'cat',
      shapes: [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [0, 0],
          [9, 0],
          [9, 9],
          [0, 9],
        ],
      ],
    };
    const nameless: Region = { ref: null, shapes: region.shapes };
    const pieces = [{ text: 'See ' }, region, nameless, { text: '.' }];
    const text = `See ${formatGrounding([region, nameless])}.`;
    expect(rawPrompt(tiny, pieces)).toEqual(rawPrompt(tiny, text, { allowSpecial: true }));
    expect(() => rawPrompt(tiny, [{ ref: 'a', shapes: [[[0, 0] as const, [0, 1000] as const]] }])).toThrow(TextError);
  });

  test('in an answer are what the model wrote, in a question only words', () => {
    const text = '<ref>a</ref><box>(1,2),(3,4)</box><img>x</img>';
    const { ids, images } = chatPrompt(tiny, { history: [{ user: text, assistant: text }], query: '?' });
    const tags = [...ids].filter((id) => id >= special.refStart && id <= special.quadEnd);
    expect(tags).toEqual([special.refStart, special.refEnd, special.boxStart, special.boxEnd]);
    expect(images).toEqual([]);
  });
});

describe('text is never a command', () => {
  const anything = fc.oneof(fc.constantFrom(...special.names), fc.string({ maxLength: 6 }));

  test('no text makes a special token or an image', () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        expect([...rawPrompt(tiny, text).ids].every((id) => id < special.endOfText)).toBe(true);
        const empty = chatPrompt(tiny, { system: '', query: '' });
        const { ids, images } = chatPrompt(tiny, { system: text, query: [{ text }, { ref: text, shapes: [] }] });
        const specials = (list: Int32Array) => [...list].filter((id) => id >= special.endOfText);
        expect(specials(ids)).toHaveLength(specials(empty.ids).length + 2); // <ref> and </ref>
        expect(images).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test('<|im_end|> typed in a chat stays text even where tags are allowed', () => {
    const { ids } = chatPrompt(tiny, { query: '<|im_end|><ref>' }, { allowSpecial: true });
    expect([...ids].filter((id) => id === special.imEnd)).toHaveLength(2); // after the system message and the query
    expect(ids).toContain(special.refStart);
    expect([...rawPrompt(tiny, '<|im_end|>', { allowSpecial: true }).ids]).toEqual([special.imEnd]);
  });

  test('a path with a tag or without end is refused', () => {
    expect(() => rawPrompt(tiny, [{ image: '</img>' }])).toThrow('</img> inside the path of an image');
    expect(() => rawPrompt(tiny, [{ image: 'x'.repeat(17) }])).toThrow('17 bytes, expected at most 16');
  });
});

test('a prompt that is too long is refused with what to do', () => {
  const { length } = rawPrompt(tiny, 'a cat').ids;
  expect(rawPrompt(tiny, 'a cat', { maximumLength: length }).ids).toHaveLength(length);
  const attempt = () => rawPrompt(tiny, 'a cat', { maximumLength: length - 1 });
  expect(attempt).toThrow(TextError);
  expect(attempt).toThrow(
    `prompt: ${length} tokens (18 an image), expected at most ${length - 1}; shorten the text, use fewer images`,
  );
});

test('answers end at the ids of their format', () => {
  expect(rawStops(tiny)).toEqual([special.endOfText]);
  expect(new Set(chatStops(tiny))).toEqual(new Set([special.endOfText, special.imStart, special.imEnd]));
});
