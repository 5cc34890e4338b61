import { CheckpointError } from '../error.ts';
import { kindOf } from '../file-kind.ts';
import { readText } from './file-source.ts';

/** The published one has 2.6 MB; as many ranks as a vocabulary may have take ten times that. */
const LARGEST_VOCABULARY = 32 * 2 ** 20;

/** The text of a checkpoint's `qwen.tiktoken`. @throws CheckpointError when there is none, or it is plainly something else */
export async function readVocabularyFile(path: string): Promise<string> {
  const text = await readText(path, LARGEST_VOCABULARY);
  const kind = kindOf(new TextEncoder().encode(text.slice(0, 512)));
  if (kind) throw new CheckpointError(path, `it is ${kind.what}, expected a vocabulary`, kind.remedy);
  return text;
}
