import { openFile } from './file-source.ts';
import { readVocabulary } from './vocabulary.ts';

/** The text of a `qwen.tiktoken` on disk, see `readVocabulary`. @throws CheckpointError */
export const readVocabularyFile = async (path: string): Promise<string> => readVocabulary(await openFile(path));
