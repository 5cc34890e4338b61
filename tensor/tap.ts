import { isTensor, type Synchronous, scope } from './scope.ts';
import { begin, gradientsHeard, isRecording, name as nameOnTape, recordBlock } from './tape.ts';
import { isAbsent, present, type Tensor } from './tensor.ts';

/** Hears every named activation, and may put another tensor in its place. */
export type Listener = (name: string, tensor: Tensor) => Tensor | undefined;

const everything = (): boolean => true;

let listener: Listener | undefined;
/** Which names it hears. */
let hears: (name: string) => boolean = everything;
let prefix = '';

const inBlock = (name: string): string => (prefix ? (name ? `${prefix}.${name}` : prefix) : name);

/** The path of the block being launched, such as `transformer.h.3`; empty outside. */
export const path = (): string => prefix;

/**
 * Names an activation. The names are the checkpoint's module paths; inside a block the block's path is put in front.
 *
 * @returns the tensor, or what the listener puts in its place
 */
export function tap(name: string, tensor: Tensor): Tensor {
  if (!listener && !isRecording()) return tensor;
  const full = inBlock(name);
  const result = (listener && hears(full) ? listener(full, tensor) : undefined) ?? tensor;
  nameOnTape(full, result);
  return result;
}

/** Whether anybody hears one of these, or their gradients: otherwise operations may be fused over what only a listener could see. */
export const isHeard = (...names: string[]): boolean =>
  gradientsHeard() || (listener !== undefined && names.some((name) => hears(inBlock(name))));

/**
 * Runs `work` with a listener; synchronous like everything that launches operations: what others launch is not heard.
 *
 * @param wanted which names it hears; all by default
 */
export const withListener = <Result>(
  heard: Listener,
  work: () => Synchronous<Result>,
  wanted: (name: string) => boolean = everything,
): Result => hearing<Result>(heard, work, wanted);

function hearing<Result>(
  heard: Listener | undefined,
  work: () => Result,
  wanted: (name: string) => boolean = everything,
): Result {
  const before = { listener, hears };
  [listener, hears] = [heard, wanted];
  try {
    return work();
  } finally {
    ({ listener, hears } = before);
  }
}

/**
 * One block of the model: a scope with a path. Everything that attaches to a stretch of the model attaches here: memory,
 * the names of taps, profile rows, and the block's weights, whose names are given from the path on. Weights that are absent
 * are loaded for as long as the block runs: so a model runs that is larger than the memory. A block that has weights is what runs again
 * on the way back of a gradient.
 */
export function block<Weights, Result>(
  blockPath: string,
  weights: Weights,
  work: (weights: Weights) => Synchronous<Result>,
): Result {
  const run = () =>
    under(blockPath, () =>
      scope<Result>(() => {
        const there = loaded(weights);
        begin(there);
        return work(there);
      }),
    );
  return weights === undefined ? run() : recordBlock(blockPath, weights, run, () => hearing(undefined, run));
}

/** Runs `work` as part of a block: what it launches and names has its path. */
export function under<Result>(blockPath: string, work: () => Result): Result {
  const before = prefix;
  prefix = blockPath;
  try {
    return work();
  } finally {
    prefix = before;
  }
}

/** @param weights a tensor, or a record of them and of what is missing */
function loaded<Weights>(weights: Weights): Weights {
  if (typeof weights !== 'object' || weights === null) return weights;
  if (isTensor(weights)) return present(weights) as Weights;
  const record = weights as Record<string, Tensor | undefined>;
  let missing = false;
  for (const name in record) missing ||= record[name] !== undefined && isAbsent(record[name]);
  if (!missing) return weights;
  const entries = Object.entries(record);
  return Object.fromEntries(entries.map(([name, weight]) => [name, weight && present(weight)])) as Weights;
}
