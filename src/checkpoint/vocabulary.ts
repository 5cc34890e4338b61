import { CheckpointError } from '../error.ts';
import { kindOf } from '../file-kind.ts';
import { decodeText, type FileSource, readWhole } from './files.ts';

/** The published one has 2.6 MB; as many ranks as a vocabulary may have take ten times that. */
const LARGEST_VOCABULARY = 32 * 2 ** 20;

/** The text of a checkpoint's `qwen.tiktoken`. @throws CheckpointError when there is none, or it is plainly something else */
export async function readVocabulary(file: FileSource): Promise<string> {
  const path = file.name;
  const text = decodeText(await readWhole(file, LARGEST_VOCABULARY), path);
  const kind = kindOf(new TextEncoder().encode(text.slice(0, 512)));
  if (kind) throw new CheckpointError(path, `it is ${kind.what}, expected a vocabulary`, kind.remedy);
  return text;
}
