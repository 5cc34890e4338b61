import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { compareGolden } from '../../src/verify/compare.ts';
import { judgeRun } from '../../src/verify/report/report.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { COMPACT, openCompact } from '../golden/compact.ts';
import { COMPACT_FAULTS, type CompactFault } from './faults-compact.ts';

type Opened = Awaited<ReturnType<typeof openCompact>>;

let device: Device;
const opened = new Map<string, Opened>();
beforeAll(async () => {
  device = (await openDevice('simd', 2)).device;
  for (const wanted of COMPACT) opened.set(wanted.name, await openCompact(wanted));
});
afterAll(async () => {
  for (const { close } of opened.values()) await close();
  await closeDevice(device);
});

/** What the comparison says of a model, sound or with a fault in it. */
async function examine({ golden, checkpoint }: Opened, { load, config }: Partial<CompactFault> = {}) {
  const model = loadModel(
    device,
    config?.(checkpoint.config) ?? checkpoint.config,
    (name) => load?.(name, checkpoint) ?? checkpoint.load(name),
    { lora: checkpoint.lora },
  );
  try {
    const free = await compareGolden(model, golden);
    const about = { golden: { name: golden.name, kind: 'trained' as const, provenance: {} }, seconds: 0 };
    const { name, description } = device;
    return judgeRun({ ...about, device: { name, description }, outcome: 'measured', free });
  } finally {
    freeModel(model);
  }
}

test.each(COMPACT)('the sound model passes: $name', async ({ name }) => {
  expect(await examine(opened.get(name)!)).toMatchObject({ status: 'pass', entry: undefined });
});

test.each(COMPACT_FAULTS)('$name: $enters', async (fault) => {
  expect((await examine(opened.get(fault.golden)!, fault)).entry?.name).toBe(fault.enters);
});
