import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readText } from '../checkpoint/file-source.ts';

const LARGEST_SOURCE = 2 ** 20;

/** A function of the project's own sources. */
export interface SourceFunction {
  readonly file: string;
  /** Of its declaration, from 1. */
  readonly line: number;
  readonly name: string;
  /** Its comment, without the marks. */
  readonly comment: string;
}

/** The functions of a source file, with the comments before them. */
export function functionsIn(source: string, file: string): SourceFunction[] {
  const pattern = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?(?:export )?(?:async )?function\*? (\w+)/g;
  return [...source.matchAll(pattern)].map((match) => {
    const end = match.index + match[0].length;
    return { file, line: source.slice(0, end).split('\n').length, name: match[2], comment: plain(match[1] ?? '') };
  });
}

const plain = (comment: string): string =>
  comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();

/** The function that an operation is called by: operations carry its name. */
export async function findOperation(kernels: string, name: string): Promise<SourceFunction | undefined> {
  for (const file of (await readdir(kernels)).filter((each) => each.endsWith('.ts'))) {
    const path = join(kernels, file);
    const found = functionsIn(await readText(path, LARGEST_SOURCE), path).find((each) => each.name === name);
    if (found) return found;
  }
  return undefined;
}

/** A line of the sources, and the function it stands in. @param at `file:line`, as in a stack trace */
export async function findLine(
  at: string,
): Promise<{ file: string; line: number; code: string; within: SourceFunction | undefined }> {
  const [, url, number] = /^(.*):(\d+)$/.exec(at) ?? ['', at, '1'];
  const file = url.replace(/^file:\/\//, '');
  const source = await readText(file, LARGEST_SOURCE);
  const line = Number(number);
  return {
    file,
    line,
    code: source.split('\n')[line - 1]?.trim() ?? '',
    within: functionsIn(source, file).findLast((each) => each.line <= line),
  };
}
