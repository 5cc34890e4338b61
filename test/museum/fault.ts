import type { Config } from '../../src/architecture/config.ts';
import { loadModel } from '../../src/model/qwen-vl.ts';
import { compareGolden, type Mode, type TapMeasurement } from '../../src/verify/compare.ts';
import type { FaultSwitch, Load } from '../../src/verify/faults/fault-switch.ts';
import type { Golden, GoldenInputs } from '../../src/verify/golden.ts';
import { closeDevice, createDevice, type Driver } from '../../tensor/device.ts';
import type { Handle, Op, Run } from '../../tensor/op.ts';
import type { Sizes } from '../../tensor/signature.ts';

/** Stands for the kernels of an operation; `op` is the right one. */
export type Replacement = (op: Op, run: Run, inputs: readonly Handle[], sizes: Sizes) => Handle;

/** How a fault gets into a model: with those that every device takes there are some that reach into GPU.js. */
export type Switch =
  | FaultSwitch
  | { readonly operations: (config: Config) => Readonly<Record<string, Replacement>> }
  | { readonly driver: (driver: Driver, config: Config, inputs: GoldenInputs) => Driver };

/** One exhibit. */
export interface Fault {
  /** Also the name of its picture. */
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly says: string;
  readonly how: Switch;
  /** The first of the golden's activations that must be found broken. */
  readonly enters: string;
  /** Where the fault shows; `model-e`, the smallest, unless said otherwise. */
  readonly golden?: GoldenName;
  /** It is in what an answer alone does: only the fused mode can show it. */
  readonly answers?: boolean;
}

export type GoldenName = 'model-a' | 'model-e' | 'describe';

/** What a fault is planted in. */
export interface Patient {
  readonly golden: Golden;
  readonly config: Config;
  readonly load: Load;
}

/** The golden that a fault is shown on. */
export const goldenOf = ({ golden = 'model-e' }: Fault): GoldenName => golden;

/**
 * The mode that shows a fault first: a forced block inherits nothing. Decoding steps are compared in a free run only, for there is no
 * original cache to force them with.
 */
export function modeOf({ answers = false, enters }: Fault): Mode {
  if (answers) return 'fused';
  return enters.startsWith('decode.') ? 'free' : 'forced';
}

/** Which of the ways in a fault takes. */
export const wayIn = ({ how }: Fault): string => Object.keys(how)[0];

/**
 * Compares a model with its golden, sound or with a fault in it.
 *
 * @param driver computes; it stays open, so that its kernels serve all faults
 */
export async function examine(
  driver: Driver,
  { golden, config, load }: Patient,
  mode: Mode,
  how: Partial<UnionOf<Switch>> = {},
): Promise<TapMeasurement[]> {
  const { inputs } = golden;
  const faulty = how.driver?.(driver, config, inputs) ?? driver;
  const device = createDevice({ ...(how.operations ? replacing(faulty, how.operations(config)) : faulty), close() {} });
  try {
    const model = loadModel(device, how.config?.(config, inputs) ?? config, how.weights?.(load, config) ?? load);
    const fed = how.inputs ? { ...golden, inputs: how.inputs(inputs) } : golden;
    return await compareGolden(model, fed, { mode, ...(how.activations ? { plant: how.activations(model) } : {}) });
  } finally {
    await closeDevice(device);
  }
}

/** All members of a union in one type. */
type UnionOf<Member> = (Member extends unknown ? (member: Member) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** A driver on which the operations of these names have other kernels. */
export function replacing(driver: Driver, replacements: Readonly<Record<string, Replacement>>): Driver {
  return {
    ...driver,
    run(op, inputs, sizes, shape) {
      const replacement = replacements[op.name];
      const faulty = replacement && {
        ...op,
        kernels: (run: Run, handles: readonly Handle[], sizes: Sizes) => replacement(op, run, handles, sizes),
      };
      return driver.run(faulty ?? op, inputs, sizes, shape);
    },
  };
}
