/**
 * npm run bench:tokenizer: bytes a second of this tokenizer, js-tiktoken and gpt-tokenizer with the same vocabulary and
 * split, in one run. Their ids are compared first. Every measured run begins with an empty cache, or it would find there
 * what the run before put in; the just-in-time compiler is warm.
 */
import { createTokenizer, splitPattern } from '../src/input/text/tokenizer.ts';
import { formatVocabulary, parseVocabulary, type Vocabulary } from '../src/input/text/vocabulary.ts';
import { realVocabulary } from '../test/input/vocabularies.ts';
import { installPeers } from './peers.ts';
import { chinese, code, english, letters } from './tokenizer-texts.ts';

const RUNS = 5;
const LEAST_BYTES_A_SECOND = 1e6;
const MOST_SECONDS_WITHOUT_SPACE = 2;

interface Subject {
  encode(text: string): readonly number[];
  decode(ids: readonly number[]): string;
}
/** Gives a subject whose cache is empty. */
type Maker = () => Subject;

const vocabularyText = realVocabulary();
const vocabulary = parseVocabulary(vocabularyText, 'qwen.tiktoken');
const makers: Record<string, Maker> = {
  ours() {
    const { encode, decode } = createTokenizer(vocabularyText, 'qwen.tiktoken');
    return { encode, decode };
  },
  ...(await peers(vocabulary)),
};
const names = Object.keys(makers);

console.log(`medians of ${RUNS} runs; a ratio is how many times as fast as the other we are\n`);
const header = names.slice(1).map((name) => `× ${name}`.padStart(16));
console.log(`${''.padEnd(30)}${header.join('')}${names.map((name) => `${name} MB/s`.padStart(20)).join('')}`);

// The others take quadratic time without spaces: they get 2,000 characters.
const texts: [name: string, text: string, ordinary: boolean][] = [
  ['English', english(), true],
  ['Chinese', chinese(vocabulary, 150_000), true],
  ['code', code().slice(0, 1_000_000), true],
  ['2,000 without a space', letters(2000), false],
];
let good = true;
for (const [name, given, ordinary] of texts) {
  const text = given.normalize('NFC');
  const bytes = new TextEncoder().encode(text).length;
  const ids = check(name, text);
  const encode = compare((subject) => subject.encode(text));
  const decode = compare((subject) => subject.decode(ids));
  console.log(row(`${name}, encode`, bytes, encode));
  console.log(row(`${name}, decode`, bytes, decode));
  if (ordinary && bytes / Math.max(encode[0], decode[0]) < LEAST_BYTES_A_SECOND) good = false;
}

const long = letters(100_000);
const [seconds] = compare((subject) => subject.encode(long), ['ours']);
console.log(`\n100,000 characters without a space: ours ${seconds.toFixed(3)} s`);
if (!good) console.error(`ordinary text: expected at least ${LEAST_BYTES_A_SECOND / 1e6} MB/s`);
if (seconds > MOST_SECONDS_WITHOUT_SPACE) console.error(`no space: expected at most ${MOST_SECONDS_WITHOUT_SPACE} s`);
process.exitCode = good && seconds <= MOST_SECONDS_WITHOUT_SPACE ? 0 : 1;

/** Ours and the others must give the same ids and the text back. */
function check(name: string, text: string): readonly number[] {
  const [expected, ...others] = names.map((name) => makers[name]().encode(text));
  for (const [index, ids] of others.entries()) {
    const at = ids.findIndex((id, at) => id !== expected[at]);
    if (at >= 0 || ids.length !== expected.length)
      throw new Error(`${name}: ${names[index + 1]} differs at token ${at}`);
  }
  for (const maker of names) {
    if (makers[maker]().decode(expected) !== text) throw new Error(`${name}: ${maker} does not give the text back`);
  }
  return expected;
}

/** Median seconds of each subject, their runs taken in turns. */
function compare(work: (subject: Subject) => unknown, which = names): number[] {
  const times = which.map((): number[] => []);
  for (let run = -1; run < RUNS; run++) {
    for (const [index, name] of which.entries()) {
      const subject = makers[name]();
      const start = performance.now();
      work(subject);
      if (run >= 0) times[index].push((performance.now() - start) / 1000); // the first run warms up
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[RUNS >> 1]);
}

function row(name: string, bytes: number, seconds: readonly number[]): string {
  const ratios = seconds.slice(1).map((other) => (other / seconds[0]).toFixed(2).padStart(16));
  const speeds = seconds.map((each) => (bytes / each / 1e6).toFixed(2).padStart(20));
  return `${name.padEnd(30)}${ratios.join('')}${speeds.join('')}`;
}

/** Both take any vocabulary: js-tiktoken as base64 in order of rank, gpt-tokenizer as strings or, where it is none, bytes. */
async function peers({ tokens }: Vocabulary): Promise<Record<string, Maker>> {
  const importPeer = installPeers({ 'js-tiktoken': '1.0.21', 'gpt-tokenizer': '4.0.0' });
  const { Tiktoken } = (await importPeer('js-tiktoken/lite')) as {
    Tiktoken: new (ranks: { pat_str: string; special_tokens: Record<string, number>; bpe_ranks: string }) => Subject;
  };
  const { GptEncoding } = (await importPeer('gpt-tokenizer/GptEncoding')) as {
    GptEncoding: new (options: {
      bytePairRankDecoder: (string | number[])[];
      specialTokensEncoder: Map<string, number>;
      tokenSplitRegex: RegExp;
    }) => Subject & { clearMergeCache(): void };
  };
  const base64 = formatVocabulary({ tokens, ranks: new Map(), longest: 0 })
    .replaceAll(/ \d+\n/g, ' ')
    .trimEnd();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decoded = tokens.map((token) => {
    const bytes = Array.from(token, (character) => character.charCodeAt(0));
    try {
      return decoder.decode(Uint8Array.from(bytes));
    } catch {
      return bytes;
    }
  });
  const special = { '<|endoftext|>': tokens.length };
  const tiktoken = new Tiktoken({
    pat_str: splitPattern.source,
    special_tokens: special,
    bpe_ranks: `! 0 ${base64}`,
  });
  const gpt = new GptEncoding({
    bytePairRankDecoder: decoded,
    specialTokensEncoder: new Map(Object.entries(special)),
    tokenSplitRegex: splitPattern,
  });
  return {
    'js-tiktoken': () => tiktoken, // it has no cache
    'gpt-tokenizer'() {
      gpt.clearMergeCache();
      return gpt;
    },
  };
}
