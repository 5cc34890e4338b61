import type { Recipe } from '../../tensor/simd/recipe.ts';
import { recipes as adam } from './adam.ts';
import { recipes as add } from './add.ts';
import { recipes as append } from './append.ts';
import { recipes as argmax } from './argmax.ts';
import { recipes as attention } from './attention.ts';
import { recipes as attentionGradient } from './attention-gradient.ts';
import { recipes as attentionScores } from './attention-scores.ts';
import { recipes as attentionValues } from './attention-values.ts';
import { recipes as columns } from './columns.ts';
import { recipes as crossEntropy } from './cross-entropy.ts';
import { recipes as fold } from './fold.ts';
import { recipes as gatherRows } from './gather-rows.ts';
import { recipes as gelu } from './gelu.ts';
import { recipes as layerNorm } from './layer-norm.ts';
import { recipes as linear } from './linear.ts';
import { recipes as normGradients } from './norm-gradients.ts';
import { recipes as patches } from './patches.ts';
import { recipes as resizeGrid } from './resize-grid.ts';
import { recipes as rmsNorm } from './rms-norm.ts';
import { recipes as rotary } from './rotary.ts';
import { recipes as scale } from './scale.ts';
import { recipes as siluGate } from './silu-gate.ts';
import { recipes as softmax } from './softmax.ts';
import { recipes as splice } from './splice.ts';
import { recipes as sum } from './sum.ts';
import { recipes as sumRows } from './sum-rows.ts';
import { recipes as zeros } from './zeros.ts';

/** How each operation runs: one list for each file here that holds any. */
export const recipes: readonly Recipe[] = [
  adam,
  add,
  append,
  argmax,
  attention,
  attentionGradient,
  attentionScores,
  attentionValues,
  columns,
  crossEntropy,
  gatherRows,
  fold,
  gelu,
  layerNorm,
  linear,
  normGradients,
  patches,
  resizeGrid,
  rmsNorm,
  rotary,
  scale,
  siluGate,
  softmax,
  splice,
  sum,
  sumRows,
  zeros,
].flat();
