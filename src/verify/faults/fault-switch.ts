import type { Given } from '../../../tensor/device.ts';
import type { Listener } from '../../../tensor/tap.ts';
import type { Config } from '../../architecture/config.ts';
import type { Model } from '../../model/qwen-vl.ts';
import type { GoldenInputs } from '../golden.ts';

/** Gives a weight by its name. */
export type Load = (name: string) => Promise<Given>;

/**
 * How a fault gets into a model whose code stays as it is and knows nothing of it: each goes in where something is handed to the model, on any
 * device.
 */
export type FaultSwitch =
  | { readonly weights: (load: Load, config: Config) => Load }
  | { readonly config: (config: Config, inputs: GoldenInputs) => Config }
  | { readonly inputs: (inputs: GoldenInputs) => GoldenInputs }
  | { readonly activations: (model: Model) => Listener };

/** One of the switches that is of this kind. */
export type SwitchOf<Kind extends string> = Extract<FaultSwitch, Readonly<Record<Kind, unknown>>>;
