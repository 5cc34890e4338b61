import { tensorsIn } from './scope.ts';
import type { Sizes } from './signature.ts';
import { free, freeAll, type Tensor } from './tensor.ts';

/** What an operation's gradient is made of, beside the output's. */
export interface Recorded {
  readonly op: Differentiable;
  /** In the order of the signature; an optional one that was left out is undefined. */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly output: Tensor;
  readonly sizes: Sizes;
  /** The path of the block that it belongs to. */
  readonly path: string;
}

export interface Differentiable {
  readonly name: string;
  /**
   * The gradient of the loss with respect to each input, from `dy`, that with respect to the output. Each is a function, since
   * only what is wanted is computed; undefined where an input has none.
   */
  gradient?(dy: Tensor, recorded: Recorded): readonly (Way | undefined)[];
}

/** Makes the gradient of an input. */
export interface Way {
  (): Tensor;
  /** Adds it to what has flowed there before, which is consumed: for one that is 0 nearly everywhere. */
  readonly onto?: (before: Tensor) => Tensor;
}

export const way = (alone: () => Tensor, onto: (before: Tensor) => Tensor): Way =>
  Object.assign(() => alone(), { onto });

/** A block that ran without being recorded. Backwards it runs again, recorded, so that only what it took is kept meanwhile. */
export interface Rerun {
  readonly path: string;
  /** The trained weights that it uses, by name. */
  readonly weights: readonly string[];
  /** The tensors from outside that gradients flow on to. */
  readonly taken: readonly Tensor[];
  /** The tensors in its result, in order. */
  readonly outputs: readonly Tensor[];
  /** @returns the tensors in the new result, in the same order */
  run(): readonly Tensor[];
}

/** What the way back meets, in the order of the way there. `weights` is where a block begins: backwards, where it ends. */
export type Step =
  | { readonly kind: 'launch'; readonly recorded: Recorded }
  | { readonly kind: 'rerun'; readonly rerun: Rerun }
  | { readonly kind: 'weights'; readonly weights: readonly Tensor[] };

/** What has been launched, as far as the loss depends through it on a weight that is trained. */
export interface Tape {
  readonly kind: 'tape';
  readonly steps: Step[];
  /** Whether a weight is trained, by its name. */
  readonly trains: (weight: string) => boolean;
  /** Whether blocks run again backwards, or everything in them is kept. */
  readonly recompute: boolean;
  /** Whether gradients of named activations are heard: then nothing is fused over them. */
  readonly heard: boolean;
  /** The tensors through which the loss depends on a trained weight, or on what a block that runs again took. */
  readonly flows: Set<Tensor>;
  readonly names: Map<Tensor, string[]>;
  /** In how many blocks each trained weight is used. */
  readonly uses: Map<string, number>;
  /** What must outlive its scope, and what scopes that ended have left to the tape. */
  readonly retained: Set<Tensor>;
  readonly inherited: Set<Tensor>;
}

/** Notes what a block takes while it runs for the first time. */
interface Watch {
  readonly kind: 'watch';
  readonly taken: Set<Tensor>;
  readonly made: Set<Tensor>;
  /** Of the tape around: what a block is given as a weight, and was computed of others, it takes. */
  readonly flows: ReadonlySet<Tensor>;
}

let current: Tape | Watch | undefined;

export function createTape(options: Pick<Tape, 'trains' | 'recompute' | 'heard'>, flows: readonly Tensor[] = []): Tape {
  return {
    kind: 'tape',
    trains: options.trains,
    recompute: options.recompute,
    heard: options.heard,
    steps: [],
    flows: new Set(flows),
    names: new Map(),
    uses: new Map(),
    retained: new Set(),
    inherited: new Set(),
  };
}

/** Frees what the tape has kept alive. */
export function endTape({ retained, inherited }: Tape): void {
  for (const { internal } of retained) internal.heir = undefined;
  const left = [...inherited].filter(({ internal }) => internal.freedBy === undefined);
  if (left.length > 0) freeAll(left[0].device, left, 'the end of its tape');
}

/** Frees a tensor that the way back has passed, if the tape alone kept it alive. */
export function forget({ retained, inherited }: Tape, tensor: Tensor): void {
  if (!inherited.delete(tensor)) return;
  retained.delete(tensor);
  if (tensor.internal.freedBy === undefined) free(tensor, 'the way back');
}

/** Runs `work` with a tape; synchronous like everything that launches operations. */
export function withTape<Result>(tape: Tape | Watch, work: () => Result): Result {
  const before = current;
  current = tape;
  try {
    return work();
  } finally {
    current = before;
  }
}

/** Whether what is launched is noted down for a way back. */
export const isRecording = (): boolean => current?.kind === 'tape';

/** Whether the gradients of named activations will be heard. */
export const gradientsHeard = (): boolean => current?.kind === 'tape' && current.heard;

/** Told of every launch; without a tape it costs no more than the question. */
export function record(
  op: Differentiable,
  inputs: Recorded['inputs'],
  output: Tensor,
  sizes: Sizes,
  path: string,
): void {
  if (!current) return;
  if (current.kind === 'watch') {
    for (const input of inputs) if (input && !current.made.has(input)) current.taken.add(input);
    current.made.add(output);
    return;
  }
  const { flows, steps } = current;
  if (!inputs.some((input) => input && flows.has(input))) return;
  flows.add(output);
  for (const needed of [...inputs, output]) if (needed) retain(current, needed);
  steps.push({ kind: 'launch', recorded: { op, inputs, output, sizes, path } });
}

/** Told of every named activation. */
export function name(path: string, tensor: Tensor): void {
  if (current?.kind !== 'tape') return;
  const names = current.names.get(tensor);
  if (names) names.push(path);
  else current.names.set(tensor, [path]);
}

/** Told by a block of its weights, when they are there. */
export function begin(weights: unknown): void {
  if (!current) return;
  const used = tensorsIn(weights);
  if (current.kind === 'watch') {
    for (const weight of used) if (!current.flows.has(weight)) current.made.add(weight);
    return;
  }
  const { trains, flows, steps } = current;
  const trained = used.filter(({ label }) => trains(label));
  for (const weight of trained) flows.add(weight);
  if (trained.length > 0) steps.push({ kind: 'weights', weights: trained });
}

/**
 * Runs a block, and records that it can be run again.
 *
 * @param run makes the result; its weights are loaded inside
 * @param again the same, without anybody hearing its activations
 */
export function recordBlock<Result>(path: string, weights: unknown, run: () => Result, again: () => Result): Result {
  if (current?.kind !== 'tape') return run();
  const tape = current;
  const trained = tensorsIn(weights).flatMap(({ label }) => (tape.trains(label) ? [label] : []));
  for (const label of trained) tape.uses.set(label, (tape.uses.get(label) ?? 0) + 1);
  if (!tape.recompute) return run();
  const watch: Watch = { kind: 'watch', taken: new Set(), made: new Set(), flows: tape.flows };
  const result = withTape(watch, run);
  // What the block made and took itself is gone by now; what is left came from outside.
  const outside = [...watch.taken].filter(({ internal }) => internal.freedBy === undefined);
  const taken = outside.filter((tensor) => tape.flows.has(tensor));
  if (taken.length > 0 || trained.length > 0) {
    const outputs = tensorsIn(result);
    for (const output of outputs) tape.flows.add(output);
    for (const needed of [...outside, ...outputs]) retain(tape, needed);
    const run = () => tensorsIn(again());
    tape.steps.push({ kind: 'rerun', rerun: { path, weights: trained, taken, outputs, run } });
  }
  return result;
}

/** The tensor outlives its scope: when that ends, it is left to the tape. */
function retain({ retained, inherited }: Tape, tensor: Tensor): void {
  if (tensor.internal.heir) return; // of the tape around
  tensor.internal.heir = inherited;
  retained.add(tensor);
}
