/** What became of pictures and prompts on the way to what the model is fed, part by part. */

/** Where one picture or text came out of a part otherwise than from the original's. */
export interface InputDifference {
  /** The picture's file, or the text's number. */
  readonly item: string;
  /** How many values or tokens differ, of how many. */
  readonly differing: number;
  readonly of: number;
  /** The largest difference of two values. Tokens have none. */
  readonly largest?: number;
  /** The worst place, or the first one of tokens, with what stands there here and in the original. A line. */
  readonly place: string;
}

/** One part, over all that a golden has. It begins with the original's own input, so that a fault shows where it is. */
export interface InputPart {
  readonly name: string;
  readonly unit: 'pictures' | 'texts' | 'conversations';
  readonly compared: number;
  /** How many of them differ. */
  readonly off: number;
  /** The first of those. */
  readonly differences: readonly InputDifference[];
}

/** One golden of pictures or of prompts. No device takes part in it, and nothing may differ. */
export interface InputRun {
  readonly golden: { readonly name: string; readonly provenance: Readonly<Record<string, string>> };
  readonly seconds: number;
  /** In the order of the way. */
  readonly parts: readonly InputPart[];
}

/** How many differences of a part are told. */
export const MOST_TOLD = 20;

/** The part at which a fault enters: the first that does not give what the original gave. */
export const firstOff = ({ parts }: Pick<InputRun, 'parts'>): InputPart | undefined => parts.find(({ off }) => off > 0);

/** Counts what a part gives. */
export function countPart(name: string, unit: InputPart['unit']) {
  const differences: InputDifference[] = [];
  let [compared, off] = [0, 0];
  return {
    /** @param difference absent where there is none */
    add(difference: InputDifference | undefined): void {
      compared++;
      if (!difference) return;
      off++;
      if (differences.length < MOST_TOLD) differences.push(difference);
    },
    part: (): InputPart => ({ name, unit, compared, off, differences }),
  };
}
