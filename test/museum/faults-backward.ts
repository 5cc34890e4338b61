import type { BackwardFault } from './backward-fault.ts';
import { ATTENTION_FAULTS } from './faults-backward-attention.ts';
import { FUNCTION_FAULTS } from './faults-backward-functions.ts';
import { LOSS_FAULTS, WEIGHT_FAULTS } from './faults-backward-loss.ts';

/** The room of the way back, from the loss to the pixels. */
export const BACKWARD_FAULTS: readonly BackwardFault[] = [
  ...LOSS_FAULTS,
  ...WEIGHT_FAULTS,
  ...FUNCTION_FAULTS,
  ...ATTENTION_FAULTS,
];
