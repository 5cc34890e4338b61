import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { closeDevice, type Device } from '../../tensor/device.ts';
import type { FileType } from '../../tensor/dtype.ts';
import { readSmallFile } from '../checkpoint/file-source.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint/folder.ts';
import { openAdapted } from '../checkpoint/lora.ts';
import { InputError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { mergedShards } from '../generate/merge.ts';
import { scoresOfProbe } from '../generate/merge-check.ts';
import { nmse } from '../verify/metrics.ts';
import { type OpenFolder, writeFolder } from '../write-folder.ts';
import { memoryBytes, type Options, openDeviceFor } from './options.ts';
import { dim, say, sayPassing, thousands } from './terminal.ts';

/** What belongs to a model folder beside its weights: of what else is there, nobody knows whether it is still true. */
const BESIDE = /^(generation_config\.json|tokenizer_config\.json|.+\.(tiktoken|py|ttf)|(LICENSE|NOTICE)(\.\w+)?)$/;
const LARGEST_BESIDE = 64 * 2 ** 20;
const LARGEST_CONFIG_BYTES = 1 << 20;

/**
 * How far scores may be from those of base and adapter, as an NMSE, by the type that weights are rounded to. Measured on the small
 * checkpoint 3e-13, 9e-9 and 3e-7; without the adapter they are 0.1 away.
 */
const ALLOWED: Partial<Record<FileType, number>> = { float32: 1e-10, float16: 1e-6, bfloat16: 1e-4 };

/** `qvl merge --model BASE --adapter FOLDER -o OUT`: writes a model folder into which an adapter is merged, and checks it. */
export async function runMerge(words: string[], options: Options): Promise<void> {
  const { model, adapter, output } = options;
  if (words.length > 0 || model === undefined || adapter === undefined || output === undefined) {
    const remedy = 'as in: qvl merge --model ~/Qwen-VL-Chat --adapter ~/my-adapter -o ~/my-model';
    throw new InputError('qvl merge', '--model, --adapter and -o are needed, and nothing else', remedy);
  }
  const { device } = await openDeviceFor(options, model);
  const checkpoint = await openAdapted(model, adapter).catch(async (error) => {
    await closeDevice(device);
    throw error;
  });
  try {
    for (const note of checkpoint.notes) say(dim(note));
    await writeFolder(output, 'name another folder with -o', async (folder) => {
      const bytes = await writeModel(folder, model, checkpoint, device);
      say(dim(`  weights written: ${thousands(bytes, 'B')}; comparing scores with those of base and adapter`));
      const found = await difference(folder.path, checkpoint, device, memoryBytes(options));
      say(dim(`  scores are at an NMSE of ${found.toExponential(1)} from those of base and adapter`));
    });
    say(`${output} holds the merged model`);
  } finally {
    await checkpoint.close();
    await closeDevice(device);
  }
}

/** @returns the bytes of the weights */
async function writeModel(folder: OpenFolder, base: string, checkpoint: Checkpoint, device: Device): Promise<number> {
  await folder.write('config.json', await mergedConfig(base, checkpoint));
  const beside = (await readdir(base)).filter((file) => BESIDE.test(file));
  for (const file of beside) await folder.write(file, await readSmallFile(join(base, file), LARGEST_BESIDE));
  if (!beside.includes('qwen.tiktoken')) say(dim(`${base} has no qwen.tiktoken: "qvl tokenizer -o" writes it`));
  const { shards, index, bytes } = mergedShards(device, checkpoint, (done, total) =>
    sayPassing(dim(`  ${done} of ${total} tensors`)),
  );
  for (const { file, content } of shards) await folder.write(file, content());
  sayPassing('');
  await folder.write('model.safetensors.index.json', index);
  return bytes;
}

/** The base's config.json, without what it says of quantisation, and with the biases that it has. */
async function mergedConfig(base: string, { config: { no_bias } }: Checkpoint): Promise<string> {
  const path = join(base, 'config.json');
  const json = parseJson(await readSmallFile(path, LARGEST_CONFIG_BYTES), path);
  const { quantization_config: _, ...said } = isObject(json) ? json : {};
  return `${JSON.stringify({ ...said, ...(no_bias ? {} : { no_bias }) }, null, 2)}\n`;
}

/** How far the scores of the folder are from those of base and adapter. @throws InputError when that is no rounding */
async function difference(path: string, unmerged: Checkpoint, device: Device, memory: number | undefined) {
  const expected = await scoresOfProbe(device, unmerged, memory);
  const merged = await openCheckpoint(path);
  try {
    const found = nmse(await scoresOfProbe(device, merged, memory), expected);
    const types = new Set([...merged.tensors.values()].map(({ dtype }) => dtype ?? 'float32'));
    const allowed = Math.max(...[...types].map((dtype) => ALLOWED[dtype] ?? 0));
    if (found <= allowed) return found;
    const says = `its scores are at an NMSE of ${found} from those of base and adapter, expected at most ${allowed}`;
    throw new InputError('the merged model', says, 'nothing was kept; "qvl verify" checks the device');
  } finally {
    await merged.close();
  }
}
