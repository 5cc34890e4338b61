import { parseConfig } from '../../src/architecture/config.ts';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { checkpointFrom } from '../../src/checkpoint/checkpoint.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { type DeviceName, openDevice } from '../../src/open-device.ts';
import { clockFor } from '../../src/profile/device-clock.ts';
import { profilePage } from '../../src/profile/html.ts';
import { profile } from '../../src/profile/profile.ts';
import { traceEvents } from '../../src/profile/trace-events.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { context } from './sample.ts';

export interface ProfiledInPage {
  readonly launches: readonly { op: string; milliseconds: number | null; source: string | null }[];
  readonly tokens: readonly number[];
  readonly trace: string;
  readonly html: string;
  /** Why the device has no clock of its own. */
  readonly unavailable: string | undefined;
}

/** Runs in the page: profiles model-a, with the device's own clock where it has one. */
export async function profileModelA(_: Device, name: DeviceName): Promise<ProfiledInPage> {
  const installed = await clockFor(name);
  const clock = 'unavailable' in installed ? undefined : installed;
  const { device } = await openDevice(name, 1);
  const base = '/golden/quirks/model-a';
  const config = parseConfig(await (await fetch(`${base}.config.json`)).json(), 'model-a');
  const bytes = new Uint8Array(await (await fetch(`${base}.weights.safetensors`)).arrayBuffer());
  const { tensors } = await openSafetensors(memorySource(bytes, base));
  const model = loadModel(device, config, checkpointFrom({ path: base, config, tensors }).load);
  const { image_size: size, n_queries: rows } = config.visual;
  try {
    const found = await profile(
      model,
      {
        pixels: async () => new Float32Array(3 * size * size).fill(0.5),
        images: 1,
        ids: new Int32Array(rows + 2).fill(3),
        source: Int32Array.from({ length: rows + 2 }, (_, i) => i - 1).map((row) => (row < rows ? row : -1)),
        tokens: 2,
      },
      { clock, mostRuns: 1 },
    );
    return {
      launches: found.stepwise.launches.map(({ op, milliseconds, source }) => ({ op, milliseconds, source })),
      tokens: found.tokens,
      trace: JSON.stringify(traceEvents(found, device.description)),
      html: profilePage(context, found),
      unavailable: 'unavailable' in installed ? installed.unavailable : undefined,
    };
  } finally {
    clock?.restore();
    freeModel(model);
    await closeDevice(device);
  }
}
