import { parseConfig } from '../../src/architecture/config.ts';
import { type ByteSource, memorySource } from '../../src/checkpoint/byte-source.ts';
import { checkpointFrom } from '../../src/checkpoint/checkpoint.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import { compareGradients } from '../../src/verify/gradients/compare-gradients.ts';
import { openGradientGolden } from '../../src/verify/gradients/gradient-golden.ts';
import type { Device } from '../../tensor/device.ts';

const fetched = async (path: string): Promise<ByteSource> =>
  memorySource(new Uint8Array(await (await fetch(path)).arrayBuffer()), path);

/** Runs in the page: every gradient of grad-e on the page's device, and what is left on it. */
export async function compareGradE(device: Device): Promise<{ results: TapMeasurement[]; left: number }> {
  const base = '/golden/quirks/model-e';
  const config = parseConfig(await (await fetch(`${base}.config.json`)).json(), 'model-e');
  const { tensors } = await openSafetensors(await fetched(`${base}.weights.safetensors`));
  const checkpoint = checkpointFrom({ path: base, config, tensors });
  const golden = await openGradientGolden(
    await fetched('/golden/train/grad-e.safetensors'),
    await fetched('/golden/train/grad-e.f64.safetensors'),
    config,
  );
  const model = loadModel(device, config, checkpoint.load);
  const results = await compareGradients(model, golden);
  freeModel(model);
  await device.queue.idle();
  return { results, left: device.live.size };
}
