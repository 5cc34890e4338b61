import type { Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { residence } from '../checkpoint/memory.ts';
import { CheckpointError } from '../error.ts';
import { modelOn } from '../generate/model-on.ts';
import { freeModel } from '../model/qwen-vl.ts';
import { compareGolden, type Mode, type TapMeasurement } from './compare.ts';
import type { FullSizeCase } from './full-size/full-size-case.ts';
import type { GradientCase } from './gradients/gradient-case.ts';
import { toLine } from './line.ts';
import type { GoldenCase, OpenedCase } from './open.ts';
import type { Run } from './report/report.ts';

export interface RunOptions {
  readonly modes: readonly Mode[];
  readonly wanted: (name: string) => boolean;
  readonly onProgress?: (mode: Mode, done: number, total: number) => void;
  /** Of a pass at full size, see `FullSizeOptions`. */
  readonly onStep?: (name: string, share: number) => void;
  readonly resume?: string | undefined;
  /** See `openSystem`. */
  readonly memory?: number | undefined;
}

/** Something to compare with: activations that are kept whole, fingerprints of a model that needs no file, or gradients. */
export type Case = GoldenCase | FullSizeCase | GradientCase;

/**
 * Measures one golden on one device. A device that breaks or falls back on the way makes a degraded run, not an error.
 *
 * @throws CheckpointError when the golden or its model cannot be used
 */
export async function runGolden(wanted: Case, device: Device, options: RunOptions): Promise<Run> {
  const start = performance.now();
  const opened = isActivations(wanted) ? await wanted.open() : undefined;
  const provenance = isActivations(wanted) ? opened!.golden.provenance : wanted.provenance;
  const seconds = () => (performance.now() - start) / 1000;
  const about = {
    golden: { name: toLine(wanted.name), kind: wanted.kind, provenance },
    device: { name: device.name, description: device.description },
  };
  try {
    const measured = isActivations(wanted)
      ? await measureModes(opened!, device, options)
      : 'compare' in wanted
        ? await wanted.compare(device, options)
        : { free: await wanted.measure(device, options) };
    return { ...about, outcome: 'measured', seconds: seconds(), ...measured };
  } catch (error) {
    const fault = deviceFault(error);
    if (!fault) throw error;
    return { ...about, outcome: 'degraded', reason: toLine(fault.message), seconds: seconds() };
  } finally {
    await opened?.close();
  }
}

const isActivations = (wanted: Case): wanted is GoldenCase => !('provenance' in wanted);

/** A run that could not be, because there is no such device here. */
export const unavailableRun = (wanted: Case, name: string, error: DeviceError): Run => ({
  golden: { name: toLine(wanted.name), kind: wanted.kind, provenance: {} },
  device: { name, description: 'not available' },
  outcome: 'unavailable',
  reason: toLine(error.message),
  seconds: 0,
});

async function measureModes(
  { golden, checkpoint, text }: OpenedCase,
  device: Device,
  { modes, wanted, onProgress, memory }: RunOptions,
) {
  // Of fingerprints no block can begin: forced, they would be a free run judged as if it were none.
  const whole = [...golden.taps.values()].some(({ values }) => values);
  const possible = modes.filter((mode) => mode !== 'forced' || whole);
  if (possible.length === 0) throw new CheckpointError(golden.name, 'it keeps fingerprints alone', 'use --mode free');
  const model = modelOn(device, checkpoint, residence(checkpoint, device.driver, memory)); // one upload for all modes
  try {
    const measured: Partial<Record<Mode, TapMeasurement[]>> = {};
    for (const mode of possible) {
      measured[mode] = await compareGolden(model, golden, {
        mode,
        wanted,
        ...(text ? { text } : {}),
        onProgress: (done, total) => onProgress?.(mode, done, total),
      });
    }
    return measured;
  } finally {
    freeModel(model);
    await device.queue.idle();
  }
}

/** The device's own fault on the way from what surfaced to its cause. */
function deviceFault(error: unknown): DeviceError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof DeviceError) return at;
  return undefined;
}
