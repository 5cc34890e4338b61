import { InputError } from '../error.ts';
import type { Model } from '../model/qwen-vl.ts';
import { startCourse } from './course.ts';
import { GradientError } from './error.ts';
import type { TrainingData } from './lessons.ts';
import type { Phase } from './recipes.ts';
import type { RunSettings } from './settings.ts';
import type { StepRecord, TrainingState } from './state.ts';

export interface RunOptions {
  /** Where another run of the same settings stopped. The model has its weights already. */
  readonly from?: TrainingState | undefined;
  /** Stops the run after the step that is being made. */
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (record: StepRecord) => void;
  /** Tells what the model is good for: asked some twenty times a phase, the last time at its end. */
  readonly evaluate?:
    | ((model: Model, phase: Phase) => Promise<Readonly<Record<string, number>> | undefined>)
    | undefined;
  /** Keeps a state: now and then, when the run stops, and at its end. */
  readonly save?: (state: TrainingState) => Promise<void>;
  /** How much work may be lost. */
  readonly saveEveryMilliseconds?: number;
}

const FIVE_MINUTES = 300_000;
const EVALUATIONS = 20;
const LEAST_BETWEEN = 50;

/**
 * Trains a model, phase after phase: batch, loss, gradients, step. The model's own position tables are not those of its new weights
 * afterwards: load it again.
 *
 * @returns whether the run came to its end, and all steps so far
 * @throws InputError for a step that cannot be made, which it names; what was learned before it is saved
 */
export async function train(
  model: Model,
  settings: RunSettings,
  data: TrainingData,
  { from, signal, onStep, evaluate, save, saveEveryMilliseconds = FIVE_MINUTES }: RunOptions = {},
): Promise<{ readonly finished: boolean; readonly history: readonly StepRecord[] }> {
  const history = [...(from?.history ?? [])];
  const { seed, phases, lora } = settings;
  let saved = performance.now();
  for (let at = from?.phase ?? 0; at < phases.length; at++) {
    const resumed = at === from?.phase ? from : undefined;
    const { phase, recipe } = phases[at];
    const course = startCourse(model, data, { phase, recipe, seed, lora, from: resumed });
    const keepState = async (step: number) => {
      await save?.({ settings, phase: at, step, tensors: await course.tensors(), history });
      saved = performance.now();
    };
    try {
      for (let step = (resumed?.step ?? 0) + 1; step <= recipe.steps; step++) {
        const record = await course.step(step).catch(async (error) => {
          if (!(error instanceof InputError || error instanceof GradientError)) throw error;
          await keepState(step - 1);
          const where = `${phase}, step ${step}`;
          throw new InputError(where, error.message, 'what was learned before it is saved', { cause: error });
        });
        const due =
          step === recipe.steps || step % Math.max(LEAST_BETWEEN, Math.ceil(recipe.steps / EVALUATIONS)) === 0;
        const evaluation = due && evaluate ? await course.withModel((now) => evaluate(now, phase)) : undefined;
        const whole = evaluation ? { ...record, evaluation } : record;
        history.push(whole);
        onStep?.(whole);
        if (signal?.aborted) {
          await keepState(step);
          return { finished: false, history };
        }
        if (performance.now() - saved > saveEveryMilliseconds) await keepState(step);
      }
      await keepState(recipe.steps);
    } finally {
      course.free();
    }
  }
  return { finished: true, history };
}
