import { parseConfig } from '../../src/architecture/config.ts';
import { type ByteSource, memorySource } from '../../src/checkpoint/byte-source.ts';
import { checkpointFrom } from '../../src/checkpoint/checkpoint.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { compareGolden, type TapMeasurement } from '../../src/verify/compare.ts';
import { openGolden } from '../../src/verify/golden.ts';
import type { Device } from '../../tensor/device.ts';

const fetched = async (path: string): Promise<ByteSource> =>
  memorySource(new Uint8Array(await (await fetch(path)).arrayBuffer()), path);

/** Runs in the page: the golden of model-a on the page's device. */
export async function compareModelA(device: Device): Promise<TapMeasurement[]> {
  const base = '/golden/quirks/model-a';
  const config = parseConfig(await (await fetch(`${base}.config.json`)).json(), 'model-a');
  const { tensors } = await openSafetensors(await fetched(`${base}.weights.safetensors`));
  const checkpoint = checkpointFrom({ path: base, config, tensors });
  const golden = await openGolden(
    await fetched(`${base}.activations.safetensors`),
    await fetched(`${base}.activations.f64.safetensors`),
  );
  const model = loadModel(device, config, checkpoint.load);
  try {
    return await compareGolden(model, golden);
  } finally {
    freeModel(model);
    await device.queue.idle();
  }
}
