import type { Caller } from '../../../../tensor/caller.ts';
import type { Synchronous } from '../../../../tensor/scope.ts';
import { type Listener, withListener } from '../../../../tensor/tap.ts';
import { read } from '../../../../tensor/tensor.ts';
import { patchGrid } from '../../../architecture/config.ts';
import type { System } from '../../../generate/system.ts';
import type { Model } from '../../../model/qwen-vl.ts';
import { capture } from '../../../verify/capture.ts';
import type { GoldenInputs } from '../../../verify/golden.ts';
import type { Exchange } from '../engine.ts';
import { likeliestAnswer, textOf } from '../likeliest.ts';
import { ADAPTER_PROBABILITIES, joined, pictureOf } from '../seen.ts';
import { logProbabilities } from '../teacher-forcing.ts';
import type { Patient } from './plant.ts';

/** What a model does with the question. */
export interface Side {
  /** Its likeliest answer. */
  readonly text: string;
  /** Of the tokens of the answer that was given: `[n]`. */
  readonly logProbabilities: Float32Array;
  /** What the first token's prediction read, `[layers, H, keys]`; and for each picture the adapter's rows, `[H·Q, L]`. */
  readonly attention: Float32Array;
  readonly adapter: readonly Float32Array[];
  /** Which of the question's pictures stands at each place. */
  readonly pictures: readonly number[];
}

/** A model that was examined. */
export interface Examined {
  readonly side: Side;
  /** Every activation of the prompt, in the order of the computation. */
  readonly taps: ReadonlyMap<string, Float32Array>;
}

/**
 * Asks a model what was asked before.
 *
 * @param exchange the question as it was, and its answer
 * @param patient the model, and what it is fed; sound where nothing is planted
 */
export async function examine(
  system: System,
  exchange: Exchange,
  { model, inputs, plant }: Pick<Patient, 'model' | 'inputs'> & Partial<Pick<Patient, 'plant'>>,
  caller: Caller,
): Promise<Examined> {
  const hearing = plant ? listening(caller, plant) : caller;
  const taps = await activations(model, inputs, plant, caller);
  const features = taps.get('transformer.visual') ?? new Float32Array(0);
  const logs = await logProbabilities(model, inputs, features, hearing);
  const tokens = await likeliestAnswer({ ...system, model }, inputs.ids, features, hearing);
  const side = {
    ...{ text: textOf(system, tokens), logProbabilities: logs, pictures: placesOf(exchange, inputs) },
    ...readings(model, inputs, taps),
  };
  return { side, taps };
}

/** A caller to all of whose work somebody listens. */
const listening = (caller: Caller, listener: Listener): Caller => ({
  ...caller,
  // What `work` gives is no promise by its own type, which is lost on the way through two functions.
  launch: <Result>(work: () => Synchronous<Result>) =>
    caller.launch<Result>(() => withListener<Result>(listener, work) as Synchronous<Result>),
});

async function activations(
  model: Model,
  inputs: GoldenInputs,
  plant: Listener | undefined,
  caller: Caller,
): Promise<Map<string, Float32Array>> {
  const heard = new Map<string, Promise<ArrayLike<number>>>();
  caller.launch<void>(() =>
    capture(
      model,
      { ...inputs, tokens: new Int32Array(0) },
      { take: (name, tap) => void heard.set(name, read(tap)), plant },
    ),
  );
  const names = [...heard.keys()];
  const values = await Promise.all(heard.values());
  return new Map(names.map((name, i) => [name, Float32Array.from(values[i])]));
}

/** Which picture of an exchange stands at each place of other inputs; one that was changed, at its own. */
function placesOf(exchange: Exchange, inputs: GoldenInputs): number[] {
  const places = Array.from({ length: inputs.images }, (_, place) => place);
  return places.map((place) => {
    const there = pictureOf({ inputs }, place);
    const found = places.find((picture) => pictureOf(exchange, picture).every((value, at) => value === there[at]));
    return found ?? place;
  });
}

/** What the prediction of the first token read, of all activations. */
function readings({ config }: Model, { ids, images }: GoldenInputs, taps: ReadonlyMap<string, Float32Array>) {
  const T = ids.length;
  const rows: Float32Array[] = [];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const probabilities = taps.get(`transformer.h.${layer}.attn.attn_dropout`)!;
    for (let head = 1; head <= config.num_attention_heads; head++) {
      rows.push(probabilities.subarray(head * T * T - T, head * T * T));
    }
  }
  const adapter = taps.get(ADAPTER_PROBABILITIES) ?? new Float32Array(0);
  const size = config.visual.n_queries * patchGrid(config.visual) ** 2;
  const pictures = Array.from({ length: images }, (_, picture) =>
    // Its heads stand one below the other, in each of them the pictures.
    joined(
      Array.from({ length: adapter.length / images / size }, (_, head) =>
        adapter.subarray((head * images + picture) * size, (head * images + picture + 1) * size),
      ),
    ),
  );
  return { attention: joined(rows), adapter: pictures };
}
