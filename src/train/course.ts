import { keep, scope, tensorsIn } from '../../tensor/scope.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type Model, positionTables } from '../model/qwen-vl.ts';
import { type Treatment, treatments } from './groups.ts';
import { type Lesson, probing, reading, type TrainingData } from './lessons.ts';
import { isFactor, type Lora, scaledFactors, withWeights } from './lora.ts';
import { ADAM, createOptimiser, type Moments } from './optimiser.ts';
import { configFor, type Phase, probes, type Recipe, TRAINED, WEIGHT_DECAY } from './recipes.ts';
import { learningRate } from './schedule.ts';
import type { StateTensor, StepRecord } from './state.ts';

/** A phase under way. */
export interface Course {
  /** Makes a step, counted from 1. @throws InputError, GradientError: nothing was changed */
  step(step: number): Promise<StepRecord>;
  /** Does something with the model as it is now: with position tables of its present weights, and at the size that it is trained at. */
  withModel<Result>(work: (model: Model) => Promise<Result>): Promise<Result>;
  /** All weights, of an adapter's run its own alone, and the moments of what is trained: see state.ts for the names. */
  tensors(): Promise<Map<string, StateTensor>>;
  free(): void;
}

export interface CourseOptions {
  readonly phase: Phase;
  readonly recipe: Recipe;
  readonly seed: number;
  /** The adapter that is trained instead of the phase's weights: the model has its factors. */
  readonly lora?: Lora | undefined;
  /** Where it stopped: how many steps were done, and what was kept. */
  readonly from?: { readonly step: number; readonly tensors: ReadonlyMap<string, StateTensor> } | undefined;
}

/** Begins a phase, or goes on with it. @throws InputError where it lacks its data */
export function startCourse(
  whole: Model,
  data: TrainingData,
  { phase, recipe, seed, lora, from }: CourseOptions,
): Course {
  const { device } = whole;
  const model: Model = { ...whole, config: configFor(whole.config, recipe) };
  const stored = (name: string) => from?.tensors.get(`weight.${name}`)?.data;
  const learner = probes(phase)
    ? probing(model, data, { phase, recipe, seed }, stored)
    : reading(model, data, { phase, recipe }, lora);
  const trains = lora ? isFactor : TRAINED[phase];
  const weights: Record<string, Tensor> = { ...model.weights, ...learner.own };
  const treated = new Map<string, Treatment>([
    ...treatments(model.config, { decay: WEIGHT_DECAY, layerDecay: recipe.layerDecay }),
    ...Object.entries(weights)
      .filter(([name]) => name in learner.own || isFactor(name))
      .map(([name, { shape }]): [string, Treatment] => [
        name,
        { multiplier: 1, decay: shape.length > 1 ? WEIGHT_DECAY : 0 },
      ]),
  ]);
  const trained = Object.keys(weights).filter(trains);
  const moments =
    from && from.step > 0 ? { steps: from.step, moments: storedMoments(whole, trained, from.tensors) } : undefined;
  const optimiser = createOptimiser({ device, weights }, treated, ADAM, moments);
  let ahead: { readonly step: number; readonly lesson: Promise<Lesson> } | undefined;

  /** The next batch is being made while a step is computed. */
  function lessonOf(step: number): Promise<Lesson> {
    const lesson = ahead?.step === step ? ahead.lesson : learner.lesson(step);
    ahead = step < recipe.steps ? { step: step + 1, lesson: lesson.then(() => learner.lesson(step + 1)) } : undefined;
    ahead?.lesson.catch(() => undefined); // thrown at its step
    return lesson;
  }

  return {
    async step(step) {
      const start = performance.now();
      const { learn, tasks, tokens, pictures } = await lessonOf(step);
      const { loss, parts, gradients } = await learn();
      const rate = learningRate(step, recipe);
      const norm = await optimiser.step(gradients, rate);
      const milliseconds = performance.now() - start;
      return { phase, step, loss, rate, norm, tasks: byTask(tasks, parts), tokens, pictures, milliseconds };
    },
    async withModel(work) {
      const made = scope(() => ({
        positions: positionTables(model.weights, model.config),
        factors: lora ? scaledFactors(model, lora) : {},
      }));
      const { positions, factors } = keep(made);
      try {
        return await work(withWeights({ ...model, positions }, factors));
      } finally {
        // Where the grid is the table's own, the table itself is the positions.
        for (const table of tensorsIn(made)) if (!Object.values(weights).includes(table)) free(table);
      }
    },
    async tensors() {
      const kept = Object.entries(weights).filter(([name]) => !lora || isFactor(name));
      const all: [string, Tensor][] = kept.map(([name, weight]) => [`weight.${name}`, weight]);
      // In the order of the weights: in that of the gradients a run that went on would write another file.
      for (const name of Object.keys(weights)) {
        const moments = optimiser.moments.get(name);
        if (moments) all.push([`m.${name}`, moments.m], [`v.${name}`, moments.v]);
      }
      const reading = all.map(async ([name, each]): Promise<[string, StateTensor]> => {
        return [name, { shape: each.shape, data: Float32Array.from(await read(each)) }];
      });
      return new Map(await Promise.all(reading));
    },
    free() {
      optimiser.free();
      for (const weight of Object.values(learner.own)) free(weight);
    },
  };
}

/** The mean of the parts of each task. */
function byTask(tasks: readonly string[], parts: Float32Array): Record<string, number> {
  const sums = new Map<string, { total: number; count: number }>();
  for (const [i, task] of tasks.entries()) {
    const { total, count } = sums.get(task) ?? { total: 0, count: 0 };
    sums.set(task, { total: total + parts[i], count: count + 1 });
  }
  return Object.fromEntries([...sums].map(([task, { total, count }]) => [task, total / count]));
}

function storedMoments(
  { device }: Model,
  trained: readonly string[],
  tensors: ReadonlyMap<string, StateTensor>,
): ReadonlyMap<string, Moments> {
  const upload = (name: string): Tensor => {
    const { data, shape } = tensors.get(name)!; // state-fit.ts has seen to it
    return keep(tensor(device, data, shape, { label: name }));
  };
  return new Map(trained.map((name) => [name, { m: upload(`m.${name}`), v: upload(`v.${name}`) }]));
}
