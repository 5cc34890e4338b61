import type { PictureWay } from '../../src/verify/inputs/picture-golden.ts';
import type { PromptWay } from '../../src/verify/inputs/prompt-golden.ts';

/** An exhibit on the way from a file or a text to what the model is fed. */
export interface InputFault<Way> {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly says: string;
  /** What takes the place of the right functions. */
  readonly how: (sound: Way) => Partial<Way>;
  /** The part that must be found off, before all others. */
  readonly enters: string;
}

export interface PictureFault extends InputFault<PictureWay> {
  /** The picture on which it shows; `wide.png` unless said otherwise. */
  readonly on?: string;
}
export type PromptFault = InputFault<PromptWay>;
