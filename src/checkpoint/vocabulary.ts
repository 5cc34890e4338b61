import { CheckpointError } from '../error.ts';
import { kindOf } from '../file-kind.ts';
import { decodeText, type FileSource, type Folder, readWhole } from './files.ts';

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

/** The vocabulary of a model folder: its text, and what it is called in errors. @throws CheckpointError */
export async function vocabularyIn(folder: Folder): Promise<{ readonly text: string; readonly name: string }> {
  const file = await folder.open('qwen.tiktoken');
  return { text: await readVocabulary(file), name: file.name };
}
