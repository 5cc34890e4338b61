/**
 * A fault in something the user gave: a file, a picture, a prompt, an option. The message is one line that says where it
 * is, what was found (and expected), and what to do; the command line prints that line alone and exits with 2.
 */
export class InputError extends Error {
  override readonly name: string = 'InputError';

  constructor(where: string, found: string, remedy: string, options?: ErrorOptions) {
    super(`${where}: ${found}; ${remedy}`, options);
  }
}

/** A checkpoint folder, shard, pickle, index or config that cannot be used. */
export class CheckpointError extends InputError {
  override readonly name = 'CheckpointError';
}

/** A picture that cannot be read or decoded. */
export class ImageError extends InputError {
  override readonly name = 'ImageError';
}

/** A vocabulary, text, prompt or token sequence that cannot be used. */
export class TextError extends InputError {
  override readonly name = 'TextError';
}

/** Scores of the next token that are NaN or infinite: nothing can be chosen by them. */
export class ScoreError extends InputError {
  override readonly name = 'ScoreError';

  /** @param token which one of the answer, from 1 */
  constructor(token: number) {
    super(
      `scores of token ${token} of the answer`,
      'some are NaN or infinite',
      'the weights are damaged, or the device computes wrongly: "qvl verify" checks the device, and "qvl trace" shows the first activation that is off',
    );
  }
}
