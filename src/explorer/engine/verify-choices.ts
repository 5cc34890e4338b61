import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import type { SwitchOf } from '../../verify/faults/fault-switch.ts';
import { changed } from '../../verify/faults/weights.ts';
import type { GoldenCase } from '../../verify/open.ts';

/** The goldens that may lie beside the page. */
export const GOLDENS = {
  'model-e': 'a random model, the smallest',
  describe: 'the model that comes along, describing a picture',
} as const;
export type GoldenName = keyof typeof GOLDENS;

/** A mistake that a checkpoint's reader can make, with what it says of itself: nothing in the model's code knows of it. */
interface PlantedFault {
  readonly says: string;
  readonly how: SwitchOf<'config'> | SwitchOf<'weights'>;
}

const zeros = (values: Float32Array) => new Float32Array(values.length);

/** Mistakes that were made, or nearly: each is an exhibit of the bug museum too. */
export const PLANTED_FAULTS = {
  'rms-norm-eps': {
    says: "RMSNorm's eps is 1e-5 instead of 1e-6",
    how: { config: (config) => ({ ...config, layer_norm_epsilon: 1e-5 }) },
  },
  'norm-weight-offset': {
    says: "RMSNorm's weight is taken for a distance from 1",
    how: changed(/h\.\d+\.ln_[12]\.weight$|ln_f\.weight$/, (values) => values.map((value) => 1 + value)),
  },
  'c-attn-bias-missing': {
    says: 'c_attn has no bias, because the config says no_bias',
    how: changed(/c_attn\.bias$/, zeros),
  },
  'out-proj-bias-missing': {
    says: "the encoder's out_proj has no bias",
    how: changed(/resblocks\.\d+\.attn\.out_proj\.bias$/, zeros),
  },
} as const satisfies Readonly<Record<string, PlantedFault>>;

export type FaultName = keyof typeof PLANTED_FAULTS;

/** The same golden, of which the model is read wrongly. */
export const withFault = (wanted: GoldenCase, name: FaultName): GoldenCase => ({
  ...wanted,
  async open() {
    const { golden, checkpoint, ...rest } = await wanted.open();
    const { says, how }: PlantedFault = PLANTED_FAULTS[name];
    const provenance = { ...golden.provenance, 'planted fault': says };
    const config = 'config' in how ? how.config(checkpoint.config, golden.inputs) : checkpoint.config;
    const sound = (weight: string) => checkpoint.load(weight);
    // What is loaded as float32 stays so.
    const load = 'weights' in how ? how.weights(sound, config) : sound;
    return {
      ...rest,
      golden: { ...golden, provenance },
      checkpoint: { ...checkpoint, config, load: load as Checkpoint['load'] },
    };
  },
});
