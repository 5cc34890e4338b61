import { TextError } from '../../error.ts';
import { isObject } from '../../fields.ts';
import { scanJson } from '../../json-scan.ts';
import { quote } from '../../quote.ts';
import { collectVocabulary, type Vocabulary, type VocabularyEntry } from './vocabulary.ts';

/** Far above any token's length in characters. */
const longestToken = 4096;
const remedy = 'give the tokenizer.json of a Qwen, Qwen2 or Qwen2.5 model';

/**
 * The ranks of a `tokenizer.json` as Hugging Face's tokenizers write it: the object `model.vocab`, token → rank, its tokens
 * in the alphabet of GPT-2. `name` is the file's, for errors. Throws a TextError for what is no such file, and as
 * `collectVocabulary`.
 */
export function parseTokenizerJson(text: string, name: string): Vocabulary {
  const vocabulary = field(field(parseJson(text, name), 'model'), 'vocab');
  if (!isObject(vocabulary)) {
    throw new TextError(name, `model.vocab is ${quote(vocabulary)}, expected an object of ranks`, remedy);
  }
  return collectVocabulary(readEntries(vocabulary, name), name, remedy);
}

function* readEntries(vocabulary: Readonly<Record<string, unknown>>, name: string): Generator<VocabularyEntry> {
  for (const [spelling, rank] of Object.entries(vocabulary)) {
    const where = `${name}, token ${quote(spelling)}`;
    if (typeof rank !== 'number' || !Number.isSafeInteger(rank) || rank < 0) {
      throw new TextError(where, `rank ${quote(rank)}, expected a whole number`, remedy);
    }
    if (spelling === '' || spelling.length > longestToken) {
      throw new TextError(where, `${spelling.length} characters, expected 1 to ${longestToken}`, remedy);
    }
    let token = '';
    for (const character of spelling) {
      const byte = byteOf.get(character);
      if (byte === undefined) throw new TextError(where, `${quote(character)} stands for no byte`, remedy);
      token += String.fromCharCode(byte);
    }
    yield { token, rank, where };
  }
}

/** The alphabet of GPT-2: a printable byte of Latin-1 is written as itself, the others in order as U+0100, U+0101, … */
const byteOf: ReadonlyMap<string, number> = (() => {
  const alphabet = new Map<string, number>();
  let unprintable = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    alphabet.set(String.fromCharCode(printable ? byte : unprintable++), byte);
  }
  return alphabet;
})();

const field = (json: unknown, name: string): unknown =>
  isObject(json) && Object.hasOwn(json, name) ? json[name] : undefined;

function parseJson(text: string, name: string): unknown {
  const fault = scanJson(text);
  if (fault) throw new TextError(name, fault, remedy);
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new TextError(name, 'it is not JSON', remedy, { cause });
  }
}
