/** Texts for the tokenizer's benchmark, from what is installed with the project: the same for everybody. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Vocabulary } from '../src/input/text/vocabulary.ts';

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));

function filesIn(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension) && !name.includes('zh-'))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

/** Sentences of the documentation of the packages, each once. */
export function english(): string {
  const lines = filesIn(modules, '.md').flatMap((text) => text.match(/^[A-Z][^|<>{}#\n]{60,}$/gm) ?? []);
  return [...new Set(lines)].join('\n');
}

/** The source of GPU.js. */
export function code(): string {
  return filesIn(join(modules, 'gpu.js/src'), '.js').join('\n');
}

/** Sentences of 4 to 20 Chinese words of the vocabulary, drawn by Zipf's law: the k-th with a chance of 1/k. */
export function chinese({ tokens }: Vocabulary, characters: number): string {
  const decoder = new TextDecoder();
  const words = tokens
    .map((token) => decoder.decode(Uint8Array.from(token, (character) => character.charCodeAt(0))))
    .filter((word) => /^\p{Script=Han}+$/u.test(word));
  const random = generator();
  let text = '';
  while (text.length < characters) {
    const length = 4 + Math.floor(random() * 17);
    for (let word = 0; word < length; word++) text += words[Math.floor(words.length ** random()) - 1];
    text += random() < 0.5 ? '，' : '。';
  }
  return text;
}

/** Letters at random, without a space. */
export function letters(characters: number): string {
  const random = generator();
  const alphabet = 'abcdefghijklmnopqrstuvwxyz文字её';
  return Array.from({ length: characters }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
}

/** Numbers in [0, 1), the same in every run (Lehmer's generator). */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}
