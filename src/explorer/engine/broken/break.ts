import { InputError } from '../../../error.ts';
import type { System } from '../../../generate/system.ts';
import { nmse } from '../../../verify/metrics.ts';
import { type Exchange, lastExchange } from '../engine.ts';
import { using } from '../seen.ts';
import type { Context } from '../service.ts';
import { planted } from './plant.ts';
import { type Examined, examine, type Side } from './side.ts';
import { type ModelSwitch, type Place, SWITCHES } from './switches.ts';

/** What can be switched, in words. */
export type Breakable = Omit<ModelSwitch, 'how'>;

/** Says what there is. */
export const breakable = async (_: null, __: Context<never>): Promise<readonly Breakable[]> =>
  SWITCHES.map(({ how: _, ...words }) => words);

/** A switch that is thrown; the place where it is about a head. */
export type Thrown = { readonly name: string } & Partial<Place>;

/** Before and after. */
export interface Broken {
  readonly sound: Side;
  readonly broken: Side;
  /** Every activation of the prompt in the order of the computation: the error against the sound model's, none where that has no such one. */
  readonly taps: readonly { readonly name: string; readonly nmse: number | undefined }[];
}

/** What the sound model does is the same for all switches. */
const healthy = new WeakMap<Exchange, Examined>();

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
    const sound =
      healthy.get(exchange) ?? (await examine(system, exchange, { ...exchange, model: system.model }, caller));
    healthy.set(exchange, sound);
    report({ doing: 'the broken model' });
    const patient = planted(system, exchange.inputs, faults);
    try {
      const broken = await examine(system, exchange, patient, caller);
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
    throw new InputError(found.title, `the question has ${inputs.images} of them`, `ask about ${found.pictures}`);
  }
  return found.how({ block, head }, model.config);
}
