import type { Case } from './case.ts';
import { elementCases } from './cases-elements.ts';
import { gradientCases } from './cases-gradients.ts';
import { matrixCases } from './cases-matrix.ts';
import { moveCases } from './cases-moves.ts';
import { optimiserCases } from './cases-optimiser.ts';

/** One for each operation in kernels/. */
export const cases: readonly Case[] = [
  ...matrixCases,
  ...elementCases,
  ...moveCases,
  ...gradientCases,
  ...optimiserCases,
];
