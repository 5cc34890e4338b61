import type { Elements } from '../../tensor/simd/recipe.ts';
import { columns, copyMatrix } from './columns.ts';
import { draw, drawElements } from './draw.ts';
import { int4Parts, writeInt4 } from './int4.ts';
import { asRows, asWords, LAYOUT_KERNELS } from './layouts.ts';

/** How the device makes elements and brings them from one layout or type to another. */
export const elements: Elements = {
  kernels: [...LAYOUT_KERNELS, ...Object.values(draw), columns],
  asRows,
  asWords,
  copy: copyMatrix,
  draw: drawElements,
  int4Parts,
  writeInt4,
};
