import { readFile } from 'node:fs/promises';
import type { Rung } from './rung.ts';

const ROOT = new URL('../../', import.meta.url);

/** Where a rung stands, from the root of the project. */
export const fileOf = ({ name }: Rung): string => `bench/ladder/rungs/${name}.ts`;

/** The code that a rung shows, by file: its own region, and what it shows of other files. */
export async function codeOf(rung: Rung): Promise<readonly (readonly [file: string, code: string])[]> {
  const read = (file: string) => readFile(new URL(file, ROOT), 'utf8');
  const own = regionOf(await read(fileOf(rung)));
  const others = (rung.shows ?? []).map(async ([file, name]) => [file, declaration(await read(file), name)] as const);
  return [[fileOf(rung), own], ...(await Promise.all(others))];
}

/** The lines between `#region kernel` and `#endregion`. */
export function regionOf(source: string): string {
  const found = /^\/\/ #region kernel\n(.*?)^\/\/ #endregion$/ms.exec(source);
  if (!found) throw new Error('a rung has no "// #region kernel" … "// #endregion"');
  return found[1].trimEnd();
}

/** A function or property from the line that names it to the line that closes it, moved to the left. */
export function declaration(source: string, name: string): string {
  const lines = source.split('\n');
  const opening = new RegExp(`^( *)(?:(?:export )?(?:const|(?:async )?function) ${name}\\b|${name}: )`);
  const first = lines.findIndex((line) => opening.test(line));
  if (first < 0) throw new Error(`nothing declares ${name}`);
  const indent = opening.exec(lines[first])![1];
  let last = first;
  while (lines[last + 1]?.startsWith(`${indent} `) || lines[last + 1] === '') last += 1;
  if (new RegExp(`^${indent}[)}\\]]`).test(lines[last + 1] ?? '')) last += 1;
  const cut = lines.slice(first, last + 1).map((line) => line.slice(indent.length));
  return cut.join('\n').trimEnd();
}
