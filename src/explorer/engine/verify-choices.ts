import type { Config } from '../../architecture/config.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
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
  readonly config?: (config: Config) => Config;
  /** Which weights are wrong, and what is read in their place. */
  readonly weights?: { readonly named: RegExp; readonly read: (values: Float32Array) => Float32Array };
}

const zeros = (values: Float32Array) => new Float32Array(values.length);

/** Mistakes that were made, or nearly: each is an exhibit of the bug museum too. */
export const PLANTED_FAULTS = {
  'rms-norm-eps': {
    says: "RMSNorm's eps is 1e-5 instead of 1e-6",
    config: (config) => ({ ...config, layer_norm_epsilon: 1e-5 }),
  },
  'norm-weight-offset': {
    says: "RMSNorm's weight is taken for a distance from 1",
    weights: { named: /h\.\d+\.ln_[12]\.weight$|ln_f\.weight$/, read: (values) => values.map((value) => 1 + value) },
  },
  'c-attn-bias-missing': {
    says: 'c_attn has no bias, because the config says no_bias',
    weights: { named: /c_attn\.bias$/, read: zeros },
  },
  'out-proj-bias-missing': {
    says: "the encoder's out_proj has no bias",
    weights: { named: /resblocks\.\d+\.attn\.out_proj\.bias$/, read: zeros },
  },
} as const satisfies Readonly<Record<string, PlantedFault>>;

export type FaultName = keyof typeof PLANTED_FAULTS;

/** The same golden, of which the model is read wrongly. */
export const withFault = (wanted: GoldenCase, name: FaultName): GoldenCase => ({
  ...wanted,
  async open() {
    const { golden, checkpoint, ...rest } = await wanted.open();
    const fault: PlantedFault = PLANTED_FAULTS[name];
    const provenance = { ...golden.provenance, 'planted fault': fault.says };
    return { ...rest, golden: { ...golden, provenance }, checkpoint: misread(checkpoint, fault) };
  },
});

function misread(checkpoint: Checkpoint, { config, weights }: PlantedFault): Checkpoint {
  async function load(name: string): Promise<Float32Array> {
    const values = await checkpoint.load(name);
    return weights?.named.test(name) ? weights.read(values) : values;
  }
  return { ...checkpoint, config: config?.(checkpoint.config) ?? checkpoint.config, load };
}
