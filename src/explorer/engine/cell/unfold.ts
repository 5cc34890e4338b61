import * as elements from './elements.ts';
import * as moves from './moves.ts';
import { attentionScores, attentionValues, linear, matmul } from './products.ts';
import * as rows from './rows.ts';
import type { Unfold } from './sum.ts';

/** Every operation of a pass that is heard, by its name. */
const UNFOLDS: Readonly<Record<string, Unfold>> = {
  ...{ attentionScores, attentionValues, linear, matmul },
  ...rows,
  ...elements,
  ...moves,
};

/** How elements of an operation's result are taken apart; undefined for an operation of no such pass. */
export const unfoldOf = (operation: string): Unfold | undefined =>
  Object.hasOwn(UNFOLDS, operation) ? UNFOLDS[operation] : undefined;
