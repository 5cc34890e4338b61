import { readFile } from 'node:fs/promises';
import { openFile } from '../../src/checkpoint/file-source.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { readFloat64 } from '../../src/checkpoint/stored-tensor.ts';
import { freeModel, loadModel, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { findGradientGoldens, type OpenedGradients } from '../../src/verify/gradients/gradient-case.ts';
import type { Device } from '../../tensor/device.ts';
import { closeDevice } from '../../tensor/device.ts';

export const FOLDER = 'golden/train';

export const readJson = async <Value>(name: string): Promise<Value> =>
  JSON.parse(await readFile(`${FOLDER}/${name}.json`, 'utf8')) as Value;

/** The tensors of a file of golden/train, by name. */
export async function readTensors(name: string): Promise<ReadonlyMap<string, Float64Array>> {
  const file = await openFile(`${FOLDER}/${name}.safetensors`);
  try {
    const { tensors } = await openSafetensors(file);
    const read = [...tensors].map(async ([key, stored]) => [key, await readFloat64(stored)] as const);
    return new Map(await Promise.all(read));
  } finally {
    await file.close();
  }
}

export async function openGradients(name: string): Promise<OpenedGradients> {
  const [found] = await findGradientGoldens(`${FOLDER}/${name}`);
  return found.open();
}

/** Runs `work` with the model of a golden on a device of its own, where nothing may be left afterwards. */
export async function withGolden<Result>(
  name: string,
  { device: mode, threads = 2 }: { device: Parameters<typeof openDevice>[0]; threads?: number },
  work: (model: Model, opened: OpenedGradients, device: Device) => Promise<Result>,
): Promise<Result> {
  const opened = await openGradients(name);
  const { device } = await openDevice(mode, threads);
  try {
    const model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
    const result = await work(model, opened, device);
    freeModel(model);
    await device.queue.idle();
    if (device.live.size > 0) throw new Error(`left: ${[...device.live].map(({ label }) => label).join(', ')}`);
    return result;
  } finally {
    await closeDevice(device);
    await opened.close();
  }
}
