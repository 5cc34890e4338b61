import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError } from '../../src/error.ts';
import { writeWhole } from '../../src/write-file.ts';
import type { Input } from './target.ts';

/** `target:seed:number`, which a case is made of. */
export interface CaseName {
  readonly target: string;
  readonly seed: number;
  readonly number: number;
}

export const nameOf = ({ target, seed, number }: CaseName): string => `${target}:${seed}:${number}`;

/** Undefined for what is no such name, such as a path. */
export function parseName(text: string): CaseName | undefined {
  const [, target, seed, number] = /^([\w-]+):(\d{1,10}):(\d{1,7})$/.exec(text) ?? [];
  return target === undefined ? undefined : { target, seed: Number(seed), number: Number(number) };
}

/**
 * Saves what a target was fed as `target.seed.number.bin`, or as `….txt`, which holds a text as JSON: that keeps halves of
 * surrogate pairs and ends of lines.
 *
 * @returns the file's path
 */
export async function saveCase(folder: string, name: CaseName, input: Input): Promise<string> {
  const text = typeof input === 'string';
  const path = join(folder, `${name.target}.${name.seed}.${name.number}.${text ? 'txt' : 'bin'}`);
  await writeWhole(path, text ? `${JSON.stringify(input)}\n` : input, { remedy: 'make its folder writable' });
  return path;
}

/** The input in a saved file, and the target that its name begins with. @throws InputError */
export async function readCase(path: string): Promise<{ target: string; input: Input }> {
  const target = basename(path).split('.')[0];
  try {
    const bytes = await readFile(path);
    return { target, input: path.endsWith('.txt') ? JSON.parse(bytes.toString()) : new Uint8Array(bytes) };
  } catch (cause) {
    throw new InputError(path, 'it cannot be read', 'give target:seed:number, or a file that was saved', { cause });
  }
}
