import { type Mixture, withShares } from '../data/index.ts';
import { InputError } from '../error.ts';
import { quote } from '../quote.ts';
import type { Phase } from '../train/recipes.ts';
import { STAGE_OF } from '../train/scene-data.ts';

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

/**
 * The mixture of a run that has shares of its own.
 *
 * @throws InputError where its stage has no tasks to choose from
 */
export function mixtureOf(phase: Phase, shares: Readonly<Record<string, number>>): Mixture {
  if (phase === 'stage-2' || phase === 'stage-3') return withShares(STAGE_OF[phase], shares);
  throw new InputError('--shares', 'only stages 2 and 3 learn several tasks', 'leave it out');
}
