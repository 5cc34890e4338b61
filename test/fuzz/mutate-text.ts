import { specialTokens } from '../../src/input/text/special-tokens.ts';
import type { Random } from './random.ts';

/** A quarter of what is tokenised at once; what takes quadratic time takes minutes for it. */
const LARGEST = 2 ** 18;

/** What means something to somebody who reads texts here, and what breaks lines, characters and numbers. */
const WORDS = [
  ...specialTokens(0).names.filter((name) => !name.includes('extra')),
  ...['<|extra_0|>', '<|extra_204|>', '<|extra_205|>', '<', '>', '</', '|>', '<|', '<ref', 'img>'],
  ...['Picture 1: ', 'Picture 2: ', '(0,0),(999,999)', '(1,2),(3,4),(5,6),(7,8)', '，', '（'],
  ...['0', '-1', '1000', '1e999', '0x10', '9'.repeat(400), '9007199254740993', 'NaN', 'Infinity', '-0', '.5'],
  ...['\0', '\n', '\r\n', '\t', ' ', '\u0085', '\u2028', '\ufeff', '\u202e', '\x1b[2J', '\x7f'],
  ...['\ud800', '\udfff', '😀', '\u0301', 'e\u0301', '가', 'ſ', "'LL", 'ﷺ', '漢字', '\u0344'],
  ...['%', '%00', '%zz', '=', '==', '+', '/', ';base64,', ',', 'data:', '"', "'", '\\', '\\u0000'],
  ...['{', '}', '[', ']', ':', 'null', 'true', '__proto__', 'constructor', '{image}', '{caption}', '$&', '$1'],
];

type Edit = (text: string, random: Random, other: string) => string;

function stretch(text: string, random: Random): [start: number, end: number] {
  const start = random.below(text.length);
  return [start, Math.min(text.length, start + 1 + random.below(random.chance(0.7) ? 16 : text.length))];
}

const put = (text: string, at: number, end: number, middle: string) => text.slice(0, at) + middle + text.slice(end);

const EDITS: readonly (readonly [weight: number, edit: Edit])[] = [
  [6, (text, random) => insert(text, random, random.pick(WORDS))],
  [2, (text, random) => insert(text, random, String.fromCharCode(random.below(random.pick([128, 0x3000, 0x10000]))))],
  [
    4,
    (text, random) => {
      const at = random.below(text.length);
      return put(text, at, at + 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(7))));
    },
  ],
  [2, (text, random) => put(text, ...stretch(text, random), '')],
  [2, (text, random) => put(text, ...stretch(text, random), random.pick(WORDS))],
  [1, (text, random) => text.slice(0, random.below(text.length))],
  [2, repeat],
  [2, (text, random, other) => insert(text, random, other.slice(...stretch(other, random)))],
  [1, (text, random, other) => text.slice(0, random.below(text.length)) + other.slice(random.below(other.length))],
];

function insert(text: string, random: Random, word: string): string {
  const at = random.below(text.length + 1);
  return put(text, at, at, word);
}

/** A word or a stretch several times, now and then very often: what takes quadratic time shows there. */
function repeat(text: string, random: Random): string {
  const [start, end] = stretch(text, random);
  const chunk = random.chance(0.5) ? random.pick(WORDS) : text.slice(start, end);
  const most = Math.floor(LARGEST / Math.max(1, chunk.length));
  const times = random.chance(0.02) ? random.below(most) : Math.min(most, 1 + random.below(random.pick([4, 64, 2000])));
  return put(text, end, end, chunk.repeat(times));
}

/** One of some texts, changed in a few places; now and then as it is. */
export function mutateText(random: Random, texts: readonly string[]): string {
  let text = random.pick(texts);
  if (random.chance(0.02)) return text;
  for (let edits = 1 + random.below(random.pick([1, 3, 8])); edits > 0; edits--) {
    text = random.weighted(EDITS)(text, random, random.pick(texts)).slice(0, LARGEST);
  }
  return text;
}
