import type { Breakable, Thrown } from '../../engine/broken/break.ts';
import type { Opened } from '../../engine/open.ts';
import { inAddress } from '../address.ts';
import { numberIn } from '../parts/choice.tsx';

/** Which switches are thrown: `rotary,decoder-head.1.2`. */
export const off = inAddress('off', '');
/** What was predicted: `same`, `other`, or nothing. */
export const predicted = inAddress('predicted', '');

/** What the address says is thrown; what it names and there is not is left out. */
export function thrownIn(text: string, switches: readonly Breakable[], model: Opened): Thrown[] {
  return text.split(',').flatMap((part): Thrown[] => {
    const [name, block = '', head = ''] = part.split('.');
    const found = switches.find((each) => each.name === name);
    if (!found) return [];
    if (!found.of) return [{ name }];
    const { layers, heads } = model[found.of];
    return [{ name, block: numberIn(block, layers) ?? 0, head: numberIn(head, heads) ?? 0 }];
  });
}

/** The way back. */
export const textOf = (thrown: readonly Thrown[]): string =>
  thrown
    .map(({ name, block, head }) => (block === undefined || head === undefined ? name : `${name}.${block}.${head}`))
    .join(',');
