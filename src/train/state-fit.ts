import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { CheckpointError } from '../error.ts';
import { quoteSome } from '../quote.ts';
import { factorShapes } from './lora.ts';
import { probeShapes } from './probe.ts';
import { probes, TRAINED } from './recipes.ts';
import type { TrainingState } from './state.ts';

/**
 * Checks that a state is one of a model: every weight of it, or every factor of the adapter that is trained, and the moments of what its phase trains, once there was a step.
 *
 * @param path of the state, for errors
 * @param things that a probe tells apart
 * @throws CheckpointError that names what is missing, too much, or of another shape
 */
export function requireFittingState(state: TrainingState, config: Config, path: string, things = 0): void {
  const { settings, phase: at, step, tensors } = state;
  const current = settings.phases[at];
  const refuse = (found: string) => new CheckpointError(path, found, 'begin the run again, in another folder');
  if (!current || step > current.recipe.steps) throw refuse(`step ${step} of phase ${at + 1} is none of its run`);
  const { phase } = current;
  const { lora } = settings;
  if (lora && phase !== 'stage-3') throw refuse(`${phase} trains no adapter`);
  const all = lora ? factorShapes(config, lora) : weightShapes(config);
  const weights = new Map([...all].map(([name, shape]) => [name, matrixShape(shape)]));
  if (probes(phase)) for (const [name, shape] of probeShapes(things, config.visual.width)) weights.set(name, shape);
  const expected = new Map([...weights].map(([name, shape]) => [`weight.${name}`, shape]));
  for (const [name, shape] of step > 0 ? weights : []) {
    if (lora || TRAINED[phase](name)) for (const moment of ['m', 'v']) expected.set(`${moment}.${name}`, shape);
  }
  const missing = [...expected.keys()].filter((name) => !tensors.has(name));
  if (missing.length > 0) throw refuse(`${missing.length} tensors are missing (${quoteSome(missing)})`);
  const extra = [...tensors.keys()].filter((name) => !expected.has(name));
  if (extra.length > 0) throw refuse(`${extra.length} tensors are unknown (${quoteSome(extra)})`);
  for (const [name, shape] of expected) {
    const found = tensors.get(name)!.shape;
    if (found.join() !== shape.join()) throw refuse(`${name} is [${found.join(', ')}], expected [${shape.join(', ')}]`);
  }
}

/** The shape on a device, where a convolution's kernel is a matrix. */
const matrixShape = (shape: readonly number[]): readonly number[] =>
  shape.length > 2 ? [shape[0], shape.slice(1).reduce((a, b) => a * b)] : shape;
