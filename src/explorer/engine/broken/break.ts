import type { Caller } from '../../../../tensor/caller.ts';
import type { Synchronous } from '../../../../tensor/scope.ts';
import { type Listener, withListener } from '../../../../tensor/tap.ts';
import { elements, read } from '../../../../tensor/tensor.ts';
import { InputError } from '../../../error.ts';
import type { System } from '../../../generate/system.ts';
import type { Model } from '../../../model/qwen-vl.ts';
import { capture } from '../../../verify/capture.ts';
import type { GoldenInputs } from '../../../verify/golden.ts';
import { nmse } from '../../../verify/metrics.ts';
import type { Exchange } from '../engine.ts';
import { likeliestAnswer, textOf } from '../likeliest.ts';
import { joined, lastExchange, pictureOf, using } from '../seen.ts';
import type { Context } from '../service.ts';
import { logProbabilities } from '../teacher-forcing.ts';
import { planted } from './plant.ts';
import { type ModelSwitch, type Place, SWITCHES } from './switches.ts';

/** What can be switched, in words. */
export type Breakable = Omit<ModelSwitch, 'how'>;

export const breakable = async (_: null, __: Context<never>): Promise<readonly Breakable[]> =>
  SWITCHES.map(({ how: _, ...words }) => words);

/** A switch that is thrown; the place where it is about a head. */
export type Thrown = { readonly name: string } & Partial<Place>;

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

export interface Broken {
  readonly sound: Side;
  readonly broken: Side;
  /** Every activation of the prompt in the order of the computation: the error against the sound model's, none where that has no such one. */
  readonly taps: readonly { readonly name: string; readonly nmse: number | undefined }[];
}

/**
 * Throws switches, runs the question on the model as it is and on the broken one, and compares all activations.
 *
 * Both run on one device with the same kernels, so that before the first fault not a bit differs.
 */
export async function breakIt(
  { thrown }: { readonly thrown: readonly Thrown[] },
  { engine, report, signal }: Context<{ readonly doing: string }>,
): Promise<Broken> {
  const { system } = engine();
  const exchange = lastExchange(engine());
  const faults = thrown.map((each) => faultOf(each, system, exchange));
  return using(engine(), signal, async (caller) => {
    report({ doing: 'the model as it is' });
    const sound = healthy.get(exchange) ?? (await run(system, { model: system.model, ...exchange }, exchange, caller));
    healthy.set(exchange, sound);
    report({ doing: 'the broken model' });
    const patient = planted(system, exchange.inputs, faults);
    try {
      const broken = await run(system, patient, exchange, caller);
      const taps = [...broken.taps].map(([name, values]) => {
        const reference = sound.taps.get(name);
        return { name, nmse: reference && nmse(values, reference) };
      });
      return { sound: sound.side, broken: broken.side, taps };
    } finally {
      if (!system.model.device.closed) patient.free();
    }
  });
}

/** @throws InputError for what cannot be switched */
function faultOf({ name, block = 0, head = 0 }: Thrown, { model }: System, { inputs }: Exchange) {
  const found = SWITCHES.find((each) => each.name === name);
  if (!found) throw new InputError('switch', 'there is none of this name', 'choose one of the list');
  if (inputs.images < (found.pictures ?? 0)) {
    throw new InputError(found.title, `the question has ${inputs.images} pictures`, `ask about ${found.pictures}`);
  }
  return found.how({ block, head }, model.config);
}

interface Ran {
  readonly side: Side;
  /** Every activation of the prompt. */
  readonly taps: ReadonlyMap<string, Float32Array>;
}

/** What the sound model does is the same for all switches. */
const healthy = new WeakMap<Exchange, Ran>();

async function run(
  system: System,
  { model, inputs, plant }: { model: Model; inputs: GoldenInputs; plant?: Listener },
  exchange: Exchange,
  caller: Caller,
): Promise<Ran> {
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

/** Every activation of the prompt, in the order of the computation. */
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
  const adapter = taps.get('transformer.visual.attn_pool.attn.probs') ?? new Float32Array(0);
  const { n_queries, image_size, patch_size } = config.visual;
  const size = elements([n_queries, image_size / patch_size, image_size / patch_size]);
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
