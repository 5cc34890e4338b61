import type { Breakable, Thrown } from '../../engine/broken/break.ts';
import { inAddress } from '../address.ts';
import type { Looking } from '../look/looking.ts';
import { numberIn } from '../parts/choice.tsx';

/** Which switches are thrown: `rotary,decoder-head.1.2`. */
export const off = inAddress('off', '');
/** What was predicted: `same`, `other`, or nothing. */
export const predicted = inAddress('predicted', '');

/** What the address says is thrown, each switch once; what it names and there is not, or not for this question, is left out. */
export function thrownIn(text: string, switches: readonly Breakable[], { model, pictures }: Looking): Thrown[] {
  const thrown = new Map<string, Thrown>();
  for (const part of text.split(',')) {
    const [name, block = '', head = ''] = part.split('.');
    const found = switches.find((each) => each.name === name);
    if (!found || pictures.length < (found.pictures ?? 0)) continue;
    const place = found.of && {
      block: numberIn(block, model[found.of].layers) ?? 0,
      head: numberIn(head, model[found.of].heads) ?? 0,
    };
    thrown.set(name, { name, ...place });
  }
  return [...thrown.values()];
}

/** The way back. */
export const textOf = (thrown: readonly Thrown[]): string =>
  thrown
    .map(({ name, block, head }) => (block === undefined || head === undefined ? name : `${name}.${block}.${head}`))
    .join(',');
