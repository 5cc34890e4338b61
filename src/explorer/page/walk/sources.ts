import { signal } from '@preact/signals';
import { sourceKey } from '../../engine/source-key.ts';
import type { ShownFunction, ShownLine, Sources } from '../../sources.ts';

/** What the build found in the sources; a sentence where it cannot be had, undefined while it is on its way. */
export const sources = signal<Sources | string | undefined>(undefined);

let asked = false;

/** Fetches them, once. */
export async function fetchSources(): Promise<void> {
  if (asked) return;
  asked = true;
  try {
    const response = await fetch('sources.json');
    if (!response.ok) throw new Error(`the server says ${response.status}`);
    sources.value = (await response.json()) as Sources; // written by the build of this very page
  } catch (error) {
    asked = false;
    sources.value = `The sources cannot be shown: ${(error as Error).message}.`;
  }
}

const NOTHING: Sources = { lines: {}, operations: {}, functions: [] };
const found = (): Sources => (typeof sources.value === 'object' ? sources.value : NOTHING);

/** Where a station is named or launched, and the function around. */
export function lineOf(
  station: string,
): { readonly line: ShownLine; readonly within: ShownFunction | undefined } | undefined {
  const { lines, functions } = found();
  const key = sourceKey(station);
  if (!Object.hasOwn(lines, key)) return undefined;
  const line = lines[key];
  return { line, within: line.within === undefined ? undefined : functions[line.within] };
}

/** The function that an operation is called by. */
export function operationOf(name: string): ShownFunction | undefined {
  const { operations, functions } = found();
  return Object.hasOwn(operations, name) ? functions[operations[name]] : undefined;
}

/** The first sentence of a comment: a full stop that nothing follows, outside of code and brackets, ends it. */
export const firstSentence = (comment: string): string =>
  /^(?:`[^`]*`|\([^)]*\)|[^.`(]|\.(?=\S))*\.?/.exec(comment.split(/\n\s*\n|^@/m)[0].replace(/\s+/g, ' '))?.[0].trim() ??
  '';
