import { InputError } from '../error.ts';
import type { Mode, TapMeasurement } from './compare.ts';
import { isOneToken } from './golden.ts';
import { isFirst, type TapKind, tapKind } from './tap-kinds.ts';

/**
 * Whether a model's weights are drawn at random, as in golden/quirks, or trained, which makes its attention sharp; or a golden is one
 * of gradients, as in golden/train, or of those of a trained checkpoint.
 */
export const KINDS = ['random', 'trained', 'gradient', 'trained-gradient'] as const;
export type Kind = (typeof KINDS)[number];
type ActivationKind = Extract<Kind, 'random' | 'trained'>;

/** What is allowed. Ratios are multiples of PyTorch float32's own NMSE to float64. */
export interface Tolerances {
  readonly devices: Readonly<Record<string, Readonly<Record<Kind, number>>>>;
  readonly branchNoise: number;
  readonly addedNoise: Readonly<Record<TapKind, Readonly<Record<ActivationKind, number>>>>;
  readonly gradientNoise: number;
  /** The same of a trained model, and `crest` there. */
  readonly trainedGradients: { readonly noise: number; readonly crest: number };
  readonly inherited: number;
  readonly noiseWithoutTwins: number;
  /** Takes the place of the noises above where the golden is in bfloat16, by whether blocks are forced. */
  readonly bfloat16Noise: Readonly<Record<'free' | 'forced', number>>;
  readonly crest: number;
}

export const TOLERANCES: Tolerances = {
  devices: {
    // Float64 throughout: what remains is the rounding of the result that is read. Measured 0.005 and 0.008; gradients 0.060 and 0.004.
    cpu: { random: 0.1, trained: 0.1, gradient: 0.1, 'trained-gradient': 0.1 },
    // Float64, rounded where the original in bfloat16 rounds: for goldens in bfloat16, with the noises of bfloat16 below.
    'cpu-bfloat16': { random: 0.1, trained: 0.1, gradient: 0.1, 'trained-gradient': 0.1 },
    // Float32 like PyTorch, with sums in blocks of 32. Measured 0.64 and 0.65; one unblocked sum of 128 products made it 7.8.
    // Gradients 1.10, of the trained model 2.8.
    webasm: { random: 2, trained: 2, gradient: 2, 'trained-gradient': 4 },
    // Float32 like PyTorch; sums in blocks of 32 round less than its own. Measured 0.75 and 0.61, with fused multiply-adds 0.94 and
    // 0.49; in blocks of 256 it was 1.26. Gradients 0.79, of the trained model 2.7.
    simd: { random: 1, trained: 1, gradient: 1, 'trained-gradient': 4 },
    // Float32 with functions whose accuracy is the driver's. Measured on software drivers alone: 0.69 with SwiftShader and 0.67 with
    // lavapipe under Node, 0.66 in Chromium; 0.66 with WebGL 2 there, and 0.64 with headless-gl; gradients 0.40 with both in Chromium.
    webgpu: { random: 2, trained: 2, gradient: 2, 'trained-gradient': 4 },
    webgl2: { random: 2, trained: 2, gradient: 2, 'trained-gradient': 4 },
    headlessgl: { random: 2, trained: 2, gradient: 2, 'trained-gradient': 4 },
  },
  // An activation without a float64 twin is compared with PyTorch's float32, whose own error is not known there. It is never
  // taken to be more than so often the largest of the twins': those are sums with a residual stream, which single branches lack.
  branchNoise: 4,
  // What PyTorch's float32 adds within one block to an input that is the same to the bit, measured with `cpu`, which adds
  // nothing to speak of. It depends on what was computed since: see `tapKind`.
  addedNoise: {
    // A row of a table of weights.
    moved: { random: 0, trained: 0 },
    // One rounding of each element to float32, half a unit in the last place at most. Measured 3.9e-16.
    table: { random: 4e-16, trained: 4e-16 },
    // A mean, a variance, a quotient. Measured 5.4e-15; 3.0e-14 in a trained ln_post, whose rows lie far from 0.
    norm: { random: 6e-15, trained: 3.1e-14 },
    // Sums of up to 588 products. Measured 2.2e-13 and 3.8e-13 in the patch embedding, 1.3e-13 elsewhere, also at the published width.
    product: { random: 2.3e-13, trained: 3.9e-13 },
    // Softmax, second and third products, sums. Measured 6.2e-13, and 2.1e-12 in a trained MLP whose products nearly cancel.
    branch: { random: 6.5e-13, trained: 2.2e-12 },
  },
  // What PyTorch's float32 adds to a gradient within one block that begins with the original's, and to the loss: measured 5.5e-12 with
  // `cpu`, in the weight of a norm, which sums products of what nearly cancels.
  gradientNoise: 6e-12,
  // Of golden/tiny, whose sharp scores leave few tokens a gradient to speak of, with five batches of which it expects some: the noise is
  // measured 4.0e-11 with `cpu`, the crest 73, in the gate of the last MLP.
  trainedGradients: { noise: 4.2e-11, crest: 150 },
  // Running free an activation inherits, beside what is added, the error of its neighbours with twins, the nearest before and
  // after it in the order of the computation. A norm makes small channels count as much as large ones: their error is taken to be so
  // often that of the whole. Measured 1.5 after the trained encoder's ln_1, where nothing to speak of is added.
  inherited: 2,
  // The NMSE of PyTorch's float32 where a golden has no float64 twin to tell: the largest of those that have.
  noiseWithoutTwins: 2.3e-12,
  // A stand-in for the original in bfloat16 under PyTorch 1.13, measured with the oracle: most taps of a block are equal to the
  // bit; at most 2.5e-4 where that PyTorch sums small products in bfloat16, and 1.1e-3 at the end of model-a.
  bfloat16Noise: { free: 1.1e-3, forced: 2.5e-4 },
  // One element's |a − b| ≤ crest · √NMSE · (|b| + rms(b)), with the NMSE that is allowed: errors are not alike. Measured 7.0.
  crest: 16,
};

/** The NMSE of a rounding to float32 at its worst. */
const ONE_ROUNDING = 2 ** -48;

/**
 * What single roundings may add on every device: reading a result is one, and an operation of one or two more has no
 * sum in which they would even out. Where PyTorch was exact, nothing; beyond ten roundings, nothing to speak of.
 */
const fewRoundings = (noise: number): number => (noise < 10 * ONE_ROUNDING ? 2 * Math.min(noise, ONE_ROUNDING) : 0);

/** How the name of a device ends that computes as the original does in bfloat16. */
export const BFLOAT16 = '-bfloat16';

/** What one activation may be off by. */
export interface Budget {
  /** What the NMSE is measured against: the float64 twin, or PyTorch's float32. */
  readonly against: 'float64' | 'float32';
  readonly nmse: number;
  /** The NMSE found. */
  readonly found: number;
  /** Of any one element, as `metrics.maxRelative`: that is always against float32. */
  readonly element: number;
  /** How far apart two scores may be for their order to be noise. */
  readonly margin: number;
}

/** An activation that is farther from the original than it may be. */
export interface Excess {
  readonly name: string;
  /** Which bound is broken: of the NMSE, of one element, or of the token that follows. */
  readonly measure: 'nmse' | 'element' | 'token';
  readonly found: number;
  readonly allowed: number;
}

export interface JudgeOptions {
  readonly mode?: Mode;
  readonly tolerances?: Tolerances;
}

/**
 * What each activation may be off by.
 *
 * @param results all of one run: the largest noise of its twins is taken for the activations that have none
 * @throws InputError when the table has no row for the device
 */
export function budgets(
  results: readonly TapMeasurement[],
  device: string,
  kind: Kind,
  { mode = 'free', tolerances = TOLERANCES }: JudgeOptions = {},
): (tap: TapMeasurement) => Budget {
  const row = Object.hasOwn(tolerances.devices, device) ? tolerances.devices[device] : undefined;
  if (!row) {
    const known = Object.keys(tolerances.devices).join(', ');
    throw new InputError('tolerances', `no row for "${device}", there are ${known}`, 'add one with its reason');
  }
  const ratio = row[kind];
  // ‖ours − theirs‖ ≤ ‖ours − exact‖ + ‖theirs − exact‖, both squared in an NMSE.
  const apart = (noise: number) => (1 + Math.sqrt(ratio)) ** 2 * noise;
  const largestTwin = Math.max(0, ...results.map(({ exact }) => exact?.pytorch ?? 0));
  const noisiestRow = Math.max(0, ...results.map(({ exact }) => exact?.worstRow ?? 0));
  const typical = kind === 'trained-gradient' ? medianTwin(results) : 0;
  const crest = kind === 'trained-gradient' ? tolerances.trainedGradients.crest : tolerances.crest;
  const noiseOf = device.endsWith(BFLOAT16)
    ? () => tolerances.bfloat16Noise[mode === 'forced' ? 'forced' : 'free']
    : float32Noise(results, kind, mode, tolerances);
  return ({ name, shape, nmse, exact, metrics }) => {
    // The scores of one token hang on one row, and much of its error lies in one direction: PyTorch's there is one draw. Measured
    // over the 344 rows of the trained models' prompts from 3.6e-14 to 3.7e-11, and ours a fifth of it at the median, more than it in
    // every twelfth row, eight times at most; in one row of a step the drivers of WebGPU made 0.6 and 10 times as much. They are
    // allowed as much as PyTorch's noisiest row of scores has, or as it is taken to have where it is not known, if that is more.
    // So do sums over few tokens in the gradients of a trained model: PyTorch's error in one was 17 times smaller than in the terms that it
    // sums, ours three times larger. What is exactly 0 has no error on either side.
    const noise =
      exact && isOneToken(name, shape)
        ? Math.max(noisiestRow, tolerances.branchNoise * largestTwin)
        : exact && exact.pytorch > 0
          ? Math.max(exact.pytorch, typical)
          : exact?.pytorch;
    const fromTheirs = apart(noise ?? noiseOf(name));
    const element = crest * Math.sqrt(fromTheirs);
    return {
      ...(exact
        ? {
            against: 'float64',
            nmse: isOfGradients(kind) ? ratio * noise! : Math.max(ratio * noise!, fewRoundings(noise!)),
            found: exact.ours,
          }
        : { against: 'float32', nmse: fromTheirs, found: nmse }),
      element,
      margin: 2 * element * metrics.rms,
    };
  };
}

const isOfGradients = (kind: Kind): kind is Exclude<Kind, ActivationKind> => kind.endsWith('gradient');

/** The median error of PyTorch's float32 at what it did not get exactly, 0 where there is none. */
function medianTwin(results: readonly TapMeasurement[]): number {
  const noises = results.flatMap(({ exact }) => (exact && exact.pytorch > 0 ? [exact.pytorch] : []));
  return noises.sort((a, b) => a - b)[Math.floor(noises.length / 2)] ?? 0;
}

/** What PyTorch's float32 is taken to be off by at an activation that has no float64 twin. */
function float32Noise(
  results: readonly TapMeasurement[],
  kind: Kind,
  mode: Mode,
  { addedNoise, gradientNoise, trainedGradients, branchNoise, inherited, noiseWithoutTwins }: Tolerances,
): (name: string) => number {
  if (isOfGradients(kind)) return () => (kind === 'gradient' ? gradientNoise : trainedGradients.noise);
  const added = (name: string) => addedNoise[tapKind(name)][kind];
  if (mode === 'forced') return added;
  const largest = Math.max(0, ...results.map(({ exact }) => exact?.pytorch ?? 0));
  if (largest === 0) return () => branchNoise * noiseWithoutTwins;
  const before = nearestTwins(results);
  const after = nearestTwins([...results].reverse());
  return (name) => {
    if (isFirst(name)) return added(name);
    const neighbours = Math.max(before.get(name) ?? 0, after.get(name) ?? 0);
    return Math.min(branchNoise * largest, (Math.sqrt(inherited * neighbours) + Math.sqrt(added(name))) ** 2);
  };
}

/** For each activation the error of PyTorch's float32 at the last one before it that has a twin. */
function nearestTwins(results: readonly TapMeasurement[]): Map<string, number> {
  let last = 0;
  return new Map(
    results.map(({ name, exact }) => {
      const before = last;
      last = exact?.pytorch ?? last;
      return [name, before];
    }),
  );
}

/**
 * Judges measurements.
 *
 * @returns what exceeds the table, in the order of the results; nothing when all is well
 * @throws InputError as `budgets`
 */
export function judge(
  results: readonly TapMeasurement[],
  device: string,
  kind: Kind,
  options: JudgeOptions = {},
): Excess[] {
  const budgetOf = budgets(results, device, kind, options);
  return results.flatMap((tap): Excess[] => {
    const { nmse, found, element, margin } = budgetOf(tap);
    const { name, metrics, scores } = tap;
    if (!(found <= nmse)) return [{ name, measure: 'nmse', found, allowed: nmse }];
    if (!(metrics.maxRelative <= element))
      return [{ name, measure: 'element', found: metrics.maxRelative, allowed: element }];
    const wrong = scores?.flips.find((flip) => !(flip.margin <= margin));
    return wrong ? [{ name, measure: 'token', found: wrong.margin, allowed: margin }] : [];
  });
}
