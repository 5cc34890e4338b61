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
  /** From its declaration to the brace that closes it. */
  readonly text: string;
}

/** The functions of a source file, arrow functions of the outermost level among them, with the comments before them. */
export function functionsIn(source: string, file: string): SourceFunction[] {
  const pattern =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^(?:(?:export )?(?:async )?function\*? (\w+)|(?:export )?const (\w+) = (?:async )?\()/gm;
  return [...source.matchAll(pattern)].map((match) => {
    const end = match.index + match[0].length;
    return {
      file,
      line: source.slice(0, end).split('\n').length,
      name: match[2] ?? match[3],
      comment: plain(match[1] ?? ''),
      text: declaration(source.slice(source.lastIndexOf('\n', end) + 1)),
    };
  });
}

/** The GPU.js kernels of an operation, in the order of its declaration: what one thread computes; none where it runs those of others. */
export function kernelsIn(source: string, operation: string): { readonly name: string; readonly text: string }[] {
  const start = source.indexOf(`: Op = {\n  name: '${operation}',`);
  const members = start < 0 ? '' : source.slice(start, source.indexOf('\n};', start));
  const [forward] = members.split(/\n {2}gradient\b/);
  const names = new Set([...forward.matchAll(/\brun\((\w+),/g)].map(([, name]) => name));
  return [...names].flatMap((name) => {
    const at = source.search(new RegExp(`^(?:export )?const ${name} = `, 'm'));
    return at < 0 ? [] : [{ name, text: declaration(source.slice(at)) }];
  });
}

/** What stands at the beginning of a source, as it is formatted: up to a brace alone at the margin, or to what else begins there. */
function declaration(source: string): string {
  const lines = source.split('\n');
  const last = lines.findIndex((line, i) => /^\};?$/.test(line) || /^[^\s})\]]/.test(lines[i + 1] ?? 'the end'));
  return lines
    .slice(0, last + 1)
    .join('\n')
    .trimEnd();
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
    within: functionsIn(source, file).findLast(
      (each) => each.line <= line && line < each.line + each.text.split('\n').length,
    ),
  };
}
