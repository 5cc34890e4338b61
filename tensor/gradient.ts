import { track } from './owner.ts';
import { keep, scope } from './scope.ts';
import { under } from './tap.ts';
import { createTape, endTape, forget, type Recorded, type Rerun, type Tape, type Way, withTape } from './tape.ts';
import { elements, free, type Tensor, tensor } from './tensor.ts';

export interface GradientOptions {
  /** Whether the gradient of a weight is wanted, by its name. */
  readonly trains: (weight: string) => boolean;
  /** Takes the gradient of a weight as soon as it is complete, which is freed afterwards unless it is kept. */
  readonly take: (weight: string, gradient: Tensor) => void;
  /** Adds what flows into a tensor from two sides: an operation, which the engine does not know by name. */
  readonly sum: (a: Tensor, b: Tensor) => Tensor;
  /** Hears the gradient of every named activation, and may put another in its place. */
  readonly hear?: ((name: string, gradient: Tensor) => Tensor | undefined) | undefined;
  /**
   * Whether blocks run again on the way back, so that between blocks only what they take is kept: a third more work for a fraction of
   * the memory. Weights that are absent load again with their block; where nothing runs again, they stay until the way back is over. True by
   * default.
   */
  readonly recompute?: boolean | undefined;
}

/** A loss whose way back has not been gone yet. What it needs is kept until then. */
export interface Recording {
  readonly loss: Tensor;
  /** Goes it, once. Everything is queued when it returns. @throws TypeError that names the operation on the way that has no gradient */
  back(): void;
  /** Gives it up. */
  drop(): void;
}

/** Runs `work`, which returns the loss, so that the way back can be gone afterwards, when what was launched has run. */
export function recordLoss(work: () => Tensor, options: GradientOptions): Recording {
  const { trains, recompute = true, hear } = options;
  const tape = createTape({ trains, recompute, heard: hear !== undefined });
  const way = wayBack(options, tape.uses);
  const drop = (): void => {
    way.end();
    endTape(tape);
  };
  try {
    const loss = scope<Tensor>(() => withTape(tape, work));
    const back = (): void =>
      scope<void>(() => {
        try {
          const ones = new Float32Array(elements(loss.shape)).fill(1);
          way.walk(tape, new Map([[loss, tensor(loss.device, ones, loss.shape, { label: 'ones' })]]));
        } finally {
          drop();
        }
      });
    return { loss, back, drop };
  } catch (error) {
    drop();
    throw error;
  }
}

/**
 * Runs `work`, then goes back through what it launched, last first, and gives each trained weight the gradient of the result, or of the
 * sum of its elements if it has several: reverse mode (Linnainmaa 1976, BIT 16, 146–160). Everything is queued when it returns.
 *
 * @param work returns the loss
 * @returns the loss
 * @throws TypeError that names the operation on the way that has no gradient
 */
export function differentiate(work: () => Tensor, options: GradientOptions): Tensor {
  return scope<Tensor>(() => {
    const { loss, back } = recordLoss(work, options);
    back();
    return loss;
  });
}

type Gradients = Map<Tensor, Tensor>;

/** @param uses in how many blocks each trained weight is used: its gradient is complete when all have been passed */
function wayBack({ trains, take, sum, hear }: GradientOptions, uses: Map<string, number>) {
  /** Gradients of weights that are used in several blocks, as far as they are known. */
  const partial = new Map<string, Tensor>();
  /** Gradients with which the way through a block begins: they belong to the way around it. */
  const lent = new Set<Tensor>();

  function add(gradients: Gradients, to: Tensor, way: Way): void {
    const before = gradients.get(to);
    gradients.delete(to);
    if (before && way.onto && isSpent(gradients, before)) {
      gradients.set(to, way.onto(before));
      return;
    }
    gradients.set(to, before ? sum(before, way()) : way());
    if (before) drop(gradients, before);
  }

  const flow = (gradients: Gradients, to: Tensor, gradient: Tensor | undefined): void => {
    if (gradient) add(gradients, to, () => gradient);
  };

  /** Whether a gradient that has been passed on is not also that of another tensor, and nobody hears it. */
  function isSpent(gradients: Gradients, gradient: Tensor): boolean {
    if (hear || lent.has(gradient)) return false;
    for (const other of gradients.values()) if (other === gradient) return false;
    return true;
  }

  /** Frees a gradient that is spent: the next takes its place. */
  function drop(gradients: Gradients, gradient: Tensor): void {
    if (isSpent(gradients, gradient)) free(gradient);
  }

  /** The gradient of a tensor that nothing more will flow into. */
  function complete({ names }: Tape, gradients: Gradients, of: Tensor): Tensor | undefined {
    let gradient = gradients.get(of);
    if (!gradient || !hear) return gradient;
    for (const name of names.get(of) ?? []) gradient = hear(name, gradient) ?? gradient;
    gradients.set(of, gradient);
    return gradient;
  }

  function passed(weight: string, gradient: Tensor | undefined): void {
    const left = (uses.get(weight) ?? 1) - 1;
    uses.set(weight, left);
    const before = partial.get(weight);
    partial.delete(weight);
    if (before) track(before); // it may go when this scope ends
    const total = before && gradient ? sum(before, gradient) : (before ?? gradient);
    if (!total) return;
    if (left > 0) partial.set(weight, keep(total));
    else take(weight, total);
  }

  function launchBack(tape: Tape, gradients: Gradients, recorded: Recorded): void {
    const { op, inputs, output, path } = recorded;
    const dy = complete(tape, gradients, output);
    if (!dy) return;
    if (!op.gradient) throw new TypeError(`${path ? `${path}: ` : ''}${op.name} has no gradient`);
    under(path ? `${path}.grad` : 'grad', () => {
      for (const [i, way] of op.gradient!(dy, recorded).entries()) {
        const input = inputs[i];
        if (input && way && tape.flows.has(input)) add(gradients, input, way);
      }
    });
    gradients.delete(output);
    drop(gradients, dy);
    if (!hear) forget(tape, output);
  }

  function runBack(tape: Tape, gradients: Gradients, { path, weights, taken, outputs, run }: Rerun): void {
    const dys = outputs.map((output) => complete(tape, gradients, output));
    if (dys.every((dy) => dy === undefined)) {
      for (const weight of weights) passed(weight, undefined);
      return;
    }
    const flown = scope<(Tensor | undefined)[]>(() => {
      const inner = createTape({ trains, recompute: false, heard: hear !== undefined }, taken);
      try {
        const again = withTape(inner, run);
        requireSame(path, inner, taken);
        const within: Gradients = new Map();
        for (const dy of dys) if (dy) lent.add(dy);
        for (const [i, output] of again.entries()) flow(within, output, dys[i]);
        walk(inner, within);
        return taken.map((tensor) => complete(inner, within, tensor));
      } finally {
        endTape(inner);
      }
    });
    for (const [i, tensor] of taken.entries()) flow(gradients, tensor, flown[i]);
    for (const output of outputs) gradients.delete(output);
    for (const dy of dys) if (dy && lent.delete(dy)) drop(gradients, dy);
    if (!hear) for (const output of outputs) forget(tape, output);
  }

  function walk(tape: Tape, gradients: Gradients): void {
    for (const step of tape.steps.toReversed()) {
      if (step.kind === 'launch') launchBack(tape, gradients, step.recorded);
      else if (step.kind === 'rerun') runBack(tape, gradients, step.rerun);
      else {
        for (const weight of step.weights) {
          passed(weight.label, gradients.get(weight));
          gradients.delete(weight);
        }
      }
    }
  }

  /** Frees what is left where the way back ended with an error. */
  function end(): void {
    for (const gradient of partial.values()) free(gradient);
  }

  return { walk, end };
}

/** @throws TypeError where a block reads other tensors when it runs again than it did before */
function requireSame(path: string, { steps }: Tape, taken: readonly Tensor[]): void {
  const read = new Set(steps.flatMap((step) => (step.kind === 'launch' ? step.recorded.inputs : [])));
  if (taken.every((tensor) => read.has(tensor))) return;
  throw new TypeError(`${path}: it read other tensors when it ran again; give it constants, not variables that change`);
}
