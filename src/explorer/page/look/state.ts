import { inAddress } from '../address.ts';
import { numberIn } from '../parts/choice.tsx';

/** Which token of the answer, and which other one is taken off. */
export const token = inAddress('token', '');
export const against = inAddress('against', '');
/** Of the decoder; all: the mean. */
export const layer = inAddress('layer', '');
export const head = inAddress('head', '');
/** A head of the adapter; a block of the vision encoder and a head of it. */
export const adapterHead = inAddress('adapter-head', '');
export const block = inAddress('block', '');
export const blockHead = inAddress('block-head', '');
/** What is shown: a key of the views. */
export const view = inAddress('view', 'picture');
/** Which of the pictures. */
export const pictureNumber = inAddress('of', '');
/** A row of the adapter, and a patch. */
export const row = inAddress('row', '');
export const patch = inAddress('patch', '');
/** Occlusion: tiles a side, and the patches that are hidden. */
export const tiles = inAddress('tiles', '4');
export const hidden = inAddress('hidden', '');

/** `3-5,11` as numbers below a count, each once, in order; what is no such text is left out. */
export function numbersIn(text: string, count: number): number[] {
  const found = new Set<number>();
  for (const part of text.split(',').slice(0, count)) {
    const ends = part.split('-').map((end) => numberIn(end, count));
    const [first, last] = [ends[0], ends[ends.length - 1]];
    if (first === undefined || last === undefined || ends.length > 2) continue;
    for (let at = first; at <= last; at++) found.add(at);
  }
  return [...found].sort((a, b) => a - b);
}

/** The way back. */
export function textOf(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const number of sorted) {
    const run = runs.at(-1);
    if (run?.[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
