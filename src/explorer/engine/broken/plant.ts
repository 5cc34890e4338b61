import type { Listener } from '../../../../tensor/tap.ts';
import type { System } from '../../../generate/system.ts';
import { freeModel, loadModel, type Model } from '../../../model/qwen-vl.ts';
import type { FaultSwitch, Load, SwitchOf } from '../../../verify/faults/fault-switch.ts';
import type { GoldenInputs } from '../../../verify/golden.ts';

/** A model with faults in it, and what it is fed. */
export interface Patient {
  readonly model: Model;
  readonly inputs: GoldenInputs;
  /** Puts activations in the place of others. */
  readonly plant: Listener;
  free(): void;
}

/**
 * Plants faults in a model that is in use, which stays as it is: where weights are to be others, a second one is loaded.
 *
 * @param inputs what the sound model is fed
 */
export function planted(system: System, inputs: GoldenInputs, faults: readonly FaultSwitch[]): Patient {
  const sound = system.model;
  const config = ofKind(faults, 'config').reduce((before, fault) => fault.config(before, inputs), sound.config);
  const weights = ofKind(faults, 'weights');
  const load = weights.reduce<Load>((before, fault) => fault.weights(before, config), loadOf(system));
  const { checkpoint, resident } = system;
  const model =
    weights.length > 0
      ? loadModel(sound.device, config, load, { resident, lora: checkpoint.lora })
      : { ...sound, config };
  const listeners = ofKind(faults, 'activations').map((fault) => fault.activations(model));
  return {
    model,
    inputs: ofKind(faults, 'inputs').reduce((before, fault) => fault.inputs(before), inputs),
    plant(name, activation) {
      const after = listeners.reduce((before, listener) => listener(name, before) ?? before, activation);
      return after === activation ? undefined : after;
    },
    free() {
      if (weights.length > 0) freeModel(model);
    },
  };
}

/** Weights as the sound model has them, so that what no fault touches is the same to the bit. */
const loadOf =
  ({ checkpoint, model }: System): Load =>
  (name) =>
    checkpoint.load(name, model.device.driver.bfloat16);

const ofKind = <Kind extends 'weights' | 'config' | 'inputs' | 'activations'>(
  faults: readonly FaultSwitch[],
  kind: Kind,
): SwitchOf<Kind>[] => faults.filter((fault): fault is SwitchOf<Kind> => kind in fault);
