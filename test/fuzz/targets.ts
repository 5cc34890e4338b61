import { checkpointTargets } from './targets-checkpoint.ts';
import { compactTargets } from './targets-compact.ts';
import { pictureTargets } from './targets-picture.ts';
import { textTargets } from './targets-text.ts';
import { trainTargets } from './targets-train.ts';
import { verifyTargets } from './targets-verify.ts';

/** Everything that reads what a user was given by others. One line more, where its part of src/ is, adds a target. */
export const targets = {
  ...checkpointTargets,
  ...compactTargets,
  ...pictureTargets,
  ...textTargets,
  ...trainTargets,
  ...verifyTargets,
};
