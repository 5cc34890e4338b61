/** A loss or a gradient that is no number. No weight was changed. */
export class GradientError extends Error {
  override readonly name = 'GradientError';
}
