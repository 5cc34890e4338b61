import { InputError } from '../../src/error.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateJson } from './mutate-json.ts';
import { mutateText } from './mutate-text.ts';
import type { Random } from './random.ts';

/** What a target is fed. */
export type Input = Uint8Array | string;

/** A public function, and what it is fed. */
export interface Target {
  make(random: Random): Input;
  /** Works, or throws an InputError. A broken promise about what was accepted is any other error. */
  run(input: Input): unknown;
}

/** Seeds are read once, when the first case of their target is made. */
type Seeds<Kind extends Input> = () => readonly Kind[];

function target<Kind extends Input>(
  isKind: (input: Input) => input is Kind,
  seeds: Seeds<Kind>,
  mutate: (random: Random, seeds: readonly Kind[]) => Kind,
  run: (input: Kind) => unknown,
): Target {
  let read: readonly Kind[] | undefined;
  return {
    make(random) {
      read ??= seeds();
      return mutate(random, read);
    },
    run(input) {
      if (!isKind(input)) throw new TypeError('a case of another target');
      return run(input);
    },
  };
}

const isBytes = (input: Input): input is Uint8Array => typeof input !== 'string';
const isText = (input: Input): input is string => typeof input === 'string';

/** A target that reads a file. @param mutate another way to change it, such as one that keeps its checksums right */
export const bytesTarget = (
  seeds: Seeds<Uint8Array>,
  run: (bytes: Uint8Array) => unknown,
  mutate = mutateBytes,
): Target => target(isBytes, seeds, mutate, run);

/** A target that reads a text. */
export const textTarget = (seeds: Seeds<string>, run: (text: string) => unknown): Target =>
  target(isText, seeds, mutateText, run);

/** A target that reads the text of a JSON document. */
export const jsonTarget = (seeds: Seeds<string>, run: (text: string) => unknown): Target =>
  target(isText, seeds, mutateJson, run);

/** States what must hold of what was accepted. */
export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`broken promise: ${what}`);
}

/** The document of a text, for what takes a parsed one. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InputError('case', 'no JSON', 'none is expected of every case', { cause });
  }
}

/** Whether two values are the same, compared as JSON. */
export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
