import type { Mode, TapMeasurement } from '../../src/verify/compare.ts';
import type { Load } from '../../src/verify/faults/fault-switch.ts';
import { judgeRun, type Verdict } from '../../src/verify/report/report.ts';
import type { Driver } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { CASES, openCase } from '../golden/cases.ts';
import { examine, type Fault, type GoldenName, type Patient } from './fault.ts';
import { ANSWER_FAULTS } from './faults-answer.ts';
import { DECODER_FAULTS } from './faults-decoder.ts';
import { ADAPTER_FAULTS, ENCODER_FAULTS } from './faults-encoder.ts';
import { PICTURE_FAULTS } from './faults-picture.ts';
import { CACHE_FAULTS, POSITION_FAULTS } from './faults-positions.ts';
import { SEQUENCE_FAULTS } from './faults-sequence.ts';

/** The rooms, in the order in which data flows. */
export const ROOMS: readonly (readonly [title: string, faults: readonly Fault[]])[] = [
  ['Picture, patches, positions', PICTURE_FAULTS],
  ['Vision encoder', ENCODER_FAULTS],
  ['Adapter', ADAPTER_FAULTS],
  ['Sequence', SEQUENCE_FAULTS],
  ['Rotary, dynamic NTK, log-n', POSITION_FAULTS],
  ['Decoder', DECODER_FAULTS],
  ['Decoding with the cache', CACHE_FAULTS],
  ['What an answer alone does', ANSWER_FAULTS],
];

export const FAULTS: readonly Fault[] = ROOMS.flatMap(([, faults]) => faults);

/** The goldens that faults are shown on, read once, and a device that computes in float64. */
export interface Museum {
  readonly driver: Driver;
  readonly patients: Readonly<Record<GoldenName, Patient>>;
  close(): Promise<void>;
}

export async function openMuseum(): Promise<Museum> {
  const driver = await gpuJs('cpu', 1);
  const opened = await Promise.all([open('model-a'), open('model-e'), open('describe')]);
  const [a, e, describe] = opened;
  return {
    driver,
    patients: { 'model-a': a.patient, 'model-e': e.patient, describe: describe.patient },
    async close() {
      await Promise.all(opened.map(({ close }) => close()));
      await driver.close();
    },
  };
}

async function open(name: GoldenName): Promise<{ patient: Patient; close(): Promise<void> }> {
  const { golden, checkpoint, close } = await openCase(CASES.find((each) => each.name === name)!);
  const weights = new Map<string, Promise<Float32Array>>();
  const load: Load = (weight) => {
    const known = weights.get(weight) ?? checkpoint.load(weight);
    weights.set(weight, known);
    return known;
  };
  return { patient: { golden, config: checkpoint.config, load }, close };
}

/** What the tool says of a patient on the museum's device; without a fault it is sound. */
export async function examineIn(
  { driver, patients }: Museum,
  name: GoldenName,
  modes: readonly Mode[],
  fault?: Fault,
): Promise<Verdict> {
  const { kind } = CASES.find((each) => each.name === name)!;
  const measured: Partial<Record<Mode, TapMeasurement[]>> = {};
  for (const mode of modes) measured[mode] = await examine(driver, patients[name], mode, fault?.how);
  const golden = { name, kind, provenance: {} };
  const device = { name: 'cpu', description: driver.description };
  return judgeRun({ golden, device, outcome: 'measured', seconds: 0, ...measured });
}
