import { InputError } from '../error.ts';
import { quote } from '../quote.ts';

const MOST = 1000;

/**
 * The shares that `--shares` names, as in "caption 8, referring grounding 2".
 *
 * @returns undefined where it is left out
 * @throws InputError
 */
export function sharesIn({ shares }: { readonly shares?: string }): Readonly<Record<string, number>> | undefined {
  if (shares === undefined) return undefined;
  const found = new Map<string, number>();
  for (const part of shares.split(',')) {
    const [, name, number] = part.trim().match(/^(\S.*?) +(\d+(?:\.\d+)?)$/) ?? [];
    if (name === undefined || Number(number) > MOST) {
      const expected = `${quote(part.trim())}, expected a task and a number from 0 to ${MOST}`;
      throw new InputError('--shares', expected, 'as in: --shares "caption 8, text 0.5"');
    }
    if (found.has(name)) throw new InputError('--shares', `${quote(name)} is there twice`, 'give it once');
    found.set(name, Number(number));
  }
  return Object.fromEntries(found);
}
