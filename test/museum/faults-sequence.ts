import type { Fault } from './fault.ts';
import { backwards, otherHalf, rowBefore, secondPictureLate } from './wrong-kernels.ts';

/** The sequence that the decoder begins with. */
export const SEQUENCE_FAULTS: readonly Fault[] = [
  {
    name: 'token-off-by-one',
    says: 'The tokenizer gives one id that is one too high.',
    how: { inputs: (inputs) => ({ ...inputs, ids: inputs.ids.with(-1, inputs.ids.at(-1)! + 1) }) },
    enters: 'transformer.wte',
  },
  {
    name: 'splice-off-by-one',
    says: "The pictures' rows are placed one position too late.",
    how: {
      operations: () => ({
        splice: (op, run, [x, rows, source], sizes) =>
          op.kernels(run, [x, rows, run(rowBefore, [1, sizes.T], source)], sizes),
      }),
    },
    enters: 'transformer.h.0.ln_1',
  },
  {
    name: 'pictures-exchanged',
    says: 'Two pictures are placed in the wrong order.',
    how: {
      operations: () => ({
        splice: (op, run, [x, rows, source], sizes) =>
          op.kernels(run, [x, rows, run(otherHalf, [1, sizes.T], source, sizes.R)], sizes),
      }),
    },
    enters: 'transformer.h.0.ln_1',
    golden: 'model-a',
  },
  {
    name: 'second-picture-late',
    says: "The rows of the second picture are placed one position too late, the first picture's are right.",
    how: {
      operations: () => ({
        splice: (op, run, [x, rows, source], sizes) =>
          op.kernels(run, [x, rows, run(secondPictureLate, [1, sizes.T], source, sizes.R)], sizes),
      }),
    },
    enters: 'transformer.h.0.ln_1',
    golden: 'model-a',
  },
  {
    name: 'picture-backwards',
    says: "A picture's rows are placed from the last to the first.",
    how: {
      operations: () => ({
        splice: (op, run, [x, rows, source], sizes) =>
          op.kernels(run, [x, rows, run(backwards, [1, sizes.T], source, sizes.R)], sizes),
      }),
    },
    enters: 'transformer.h.0.ln_1',
  },
];
