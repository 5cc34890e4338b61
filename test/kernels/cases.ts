import type { Case } from './case.ts';
import { elementCases } from './cases-elements.ts';
import { attentionGradientCases } from './cases-gradients-attention.ts';
import { functionGradientCases } from './cases-gradients-functions.ts';
import { normGradientCases } from './cases-gradients-norms.ts';
import { rowGradientCases } from './cases-gradients-rows.ts';
import { matrixCases } from './cases-matrix.ts';
import { moveCases } from './cases-moves.ts';
import { normCases } from './cases-norms.ts';
import { optimiserCases } from './cases-optimiser.ts';
import { resizeCases } from './cases-resize.ts';

/** One for each operation in kernels/. */
export const cases: readonly Case[] = [
  ...matrixCases,
  ...elementCases,
  ...normCases,
  ...moveCases,
  ...rowGradientCases,
  ...attentionGradientCases,
  ...normGradientCases,
  ...functionGradientCases,
  ...resizeCases,
  ...optimiserCases,
];

/** Operations that consume their first input. */
export const CONSUMING: readonly string[] = ['append', 'addColumns'];
