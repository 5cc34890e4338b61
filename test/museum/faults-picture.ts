import { add } from '../../kernels/add.ts';
import { hearing } from '../../src/verify/faults/hearing.ts';
import { channelsReversed } from '../../src/verify/faults/pictures.ts';
import { changed, permuted } from '../../src/verify/faults/weights.ts';
import { roundToBfloat16, widenBfloat16 } from '../../tensor/dtype.ts';
import type { Fault, Replacement } from './fault.ts';
import { bicubic, gridTransposed, transposedGrid } from './wrong-kernels.ts';

/** From the pixels to the patches that the encoder begins with. */
export const PICTURE_FAULTS: readonly Fault[] = [
  {
    name: 'blue-first',
    says: 'The picture is normalised with its channels in the order blue, green, red.',
    how: { inputs: channelsReversed },
    enters: 'transformer.visual.conv1',
  },
  {
    name: 'patches-by-column',
    says: 'Patches are numbered column by column instead of row by row.',
    how: {
      operations: () => ({
        patches: (_, run, [pixels], { B, grid, patch }) =>
          run(transposedGrid, [B * grid * grid, 3 * patch * patch], pixels, grid, patch),
      }),
    },
    enters: 'transformer.visual.conv1',
  },
  {
    name: 'patch-transposed',
    says: 'Within a patch rows and columns of the convolution kernel are exchanged.',
    how: changed(/conv1\.weight$/, (values, { visual: { patch_size: P } }) =>
      permuted(values, (i) => {
        const cell = i % (P * P);
        return i - cell + (cell % P) * P + Math.floor(cell / P);
      }),
    ),
    enters: 'transformer.visual.conv1',
  },
  {
    name: 'weights-rounded',
    says: 'Float32 weights are kept in bfloat16.',
    how: changed(/./, (values) => widenBfloat16(roundToBfloat16(values))),
    enters: 'transformer.visual.conv1',
  },
  {
    name: 'positions-by-the-picture-filter',
    says: 'Position tables are resized with the bicubic of pictures, a = −0.5 instead of −0.75.',
    how: { operations: () => ({ resizeGrid: resizing(-0.5, false) }) },
    enters: 'transformer.visual.ln_pre',
  },
  {
    name: 'positions-antialiased',
    says: 'Position tables are resized with a filter that widens where the grid shrinks.',
    how: { operations: () => ({ resizeGrid: resizing(-0.75, true) }) },
    enters: 'transformer.visual.ln_pre',
  },
  {
    name: 'positions-transposed',
    says: 'Rows and columns of the position tables are exchanged when they are resized.',
    how: {
      operations: () => ({
        resizeGrid: (op, run, [x], sizes) =>
          op.kernels(run, [run(gridTransposed, [sizes.from ** 2, sizes.D], x, sizes.from)], sizes),
      }),
    },
    enters: 'transformer.visual.ln_pre',
  },
  {
    name: 'ln-pre-missing',
    says: 'The encoder begins without ln_pre.',
    how: {
      activations: (model) =>
        hearing((name, heard) =>
          name === 'transformer.visual.ln_pre'
            ? add(heard('transformer.visual.conv1'), model.positions.patches)
            : undefined,
        ),
    },
    enters: 'transformer.visual.ln_pre',
  },
  {
    name: 'layer-norm-eps',
    says: "LayerNorm's eps is PyTorch's default, 1e-5, instead of 1e-6.",
    how: {
      operations: () => ({ layerNorm: (op, run, inputs, sizes) => op.kernels(run, inputs, { ...sizes, eps: 1e-5 }) }),
    },
    enters: 'transformer.visual.ln_pre',
  },
];

const resizing =
  (a: number, antialiased: boolean): Replacement =>
  (_op, run, [x], { from, to, D }) =>
    run(bicubic, [to * to, D], x, from, to, a, antialiased ? Math.max(1, from / to) : 1);
