import { join } from 'node:path';
import { parseConfig } from '../architecture/config.ts';
import { readSmallFile } from '../checkpoint/file-source.ts';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import { parseJson } from '../fields.ts';
import { createTokenizer, type Tokenizer } from '../input/text/tokenizer.ts';
import type { InputRun } from '../verify/inputs/input-report.ts';
import { findPictureGolden, verifyPictures } from '../verify/inputs/picture-golden.ts';
import { isPromptGolden, promptWay, verifyPrompts } from '../verify/inputs/prompt-golden.ts';
import type { Options } from './options.ts';
import { publishedText } from './tokenizer.ts';

const LARGEST_CONFIG = 1 << 20;

/** Verifies a golden of pictures or prompts; undefined for one of activations, or what is none. @throws InputError */
export async function verifyInputs(path: string, options: Options): Promise<InputRun | undefined> {
  if (await isPromptGolden(path)) return verifyPrompts(path, promptWay(await tokenizerFor(options)));
  return (await findPictureGolden(path)) ? verifyPictures(path) : undefined;
}

/** The model's, or the published one. */
async function tokenizerFor({ model }: Options): Promise<Tokenizer> {
  if (model === undefined) return createTokenizer(await publishedText(), 'qwen.tiktoken');
  const [where, path] = [join(model, 'config.json'), join(model, 'qwen.tiktoken')];
  const { visual } = parseConfig(parseJson(await readSmallFile(where, LARGEST_CONFIG), where), where);
  return createTokenizer(await readVocabularyFile(path), path, visual.n_queries);
}
