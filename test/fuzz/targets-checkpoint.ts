import { readFileSync } from 'node:fs';
import { parseConfig } from '../../src/architecture/config.ts';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { parseGenerationConfig, unsupportedSettings } from '../../src/checkpoint/generation.ts';
import { openSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { type HostTensor, isShape, readFloat32, type StoredTensor } from '../../src/checkpoint/stored-tensor.ts';
import { openTorchArchive } from '../../src/checkpoint/torch-archive.ts';
import { readStateDict } from '../../src/checkpoint/unpickler.ts';
import { pickleStateDict, type Saved, torchArchive } from '../checkpoint/torch-writer.ts';
import { golden, goldenText, inFolder, link } from './files.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateHeader } from './mutate-safetensors.ts';
import { mutateArchive, mutatePickle } from './mutate-torch.ts';
import type { Random } from './random.ts';
import { bytesTarget, jsonTarget, parseJson, promise, same, type Target } from './target.ts';

const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i);

/** A small tensor of every type that is common. */
const tensors = new Map<string, HostTensor>([
  ['transformer.wte.weight', { dtype: 'float32', shape: [4, 6], data: counting(24) }],
  ['lm_head.weight', { dtype: 'bfloat16', shape: [3], data: Uint16Array.of(0x3f80, 0xc000, 0x7f80) }],
  ['half', { dtype: 'float16', shape: [3, 1], data: Uint16Array.of(0x3c00, 1, 0xfc00) }],
  ['ids', { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, -1n) }],
  ['double', { dtype: 'float64', shape: [], data: Float64Array.of(0.1) }],
  ['nothing', { dtype: 'uint8', shape: [0, 5], data: new Uint8Array(0) }],
]);
const safetensorsFiles = () => [
  writeSafetensors(tensors, { format: 'pt' }),
  writeSafetensors(new Map([...tensors].slice(0, 1))),
];

/** Views of shared storages, as a state dict has them. */
const saved: Saved = {
  storages: {
    0: { dtype: 'float32', data: counting(24), elements: 24 },
    1: { dtype: 'bfloat16', data: Uint16Array.of(0x3f80, 0xc000, 0x7f80), elements: 3 },
    2: { dtype: 'float64', data: Float64Array.of(0.1, 0.2), elements: 2 },
  },
  tensors: [
    ['whole', { storage: '0', offset: 0, shape: [4, 6], strides: [6, 1] }],
    ['transposed', { storage: '0', offset: 0, shape: [6, 4], strides: [1, 6] }],
    ['scalar', { storage: '0', offset: 23, shape: [], strides: [] }],
    ['bfloat16', { storage: '1', offset: 1, shape: [2, 1], strides: [1, 77] }],
    ['double', { storage: '2', offset: 0, shape: [2], strides: [1] }],
  ],
};
const archives = () =>
  [{}, { zip64: true }, { byteOrder: 'little' }, { comment: 'a comment' }].map((options) =>
    torchArchive(saved, options),
  );

/** The pickle that is first in a file as PyTorch wrote it. */
function pickleIn(file: Uint8Array): Uint8Array {
  const bytes = Buffer.from(file);
  const start = bytes.indexOf(0x80, 64); // PROTO
  const end = bytes.indexOf('PK\x07\x08', start, 'latin1');
  return new Uint8Array(file.subarray(start, end < 0 ? start + 4096 : end));
}

/** The pickles of the small checkpoint's second shard, of what training runs save, in every protocol, and one of our own. */
const pickles = (): Uint8Array[] => [
  ...golden('tiny/pytorch_model-00002-of-00002.bin').map(pickleIn),
  ...[2, 3, 4, 5].map((protocol) => {
    const name = `../checkpoint/torch-saved/protocol-${protocol}.bin`;
    return pickleIn(readFileSync(new URL(name, import.meta.url)));
  }),
  pickleStateDict(saved),
];

async function readAll(found: ReadonlyMap<string, StoredTensor>): Promise<void> {
  for (const [name, tensor] of found) {
    const count = tensor.shape.reduce((product, size) => product * size, 1);
    if (!tensor.dtype) continue; // it is read by nobody
    const bytes = await tensor.read();
    promise(bytes.length === tensor.bytes, `${name} has as many bytes as it says`);
    promise((await readFloat32(tensor)).length === count, `${name} has as many elements as its shape`);
  }
}

async function readSafetensors(bytes: Uint8Array): Promise<void> {
  const { tensors, metadata } = await openSafetensors(memorySource(bytes, 'case'));
  await readAll(tensors);
  const copies = new Map<string, HostTensor>();
  for (const [name, { dtype, shape, read }] of tensors) {
    if (dtype) copies.set(name, { dtype, shape, data: await read() });
  }
  const again = await openSafetensors(memorySource(writeSafetensors(copies, Object.fromEntries(metadata)), 'again'));
  promise(same([...again.metadata], [...metadata]), 'metadata is read as it was written');
  for (const [name, { dtype, shape, read }] of tensors) {
    if (!dtype) continue;
    const other = again.tensors.get(name);
    promise(other?.dtype === dtype && same(other.shape, shape), `${name} is read as it was written`);
    promise(Buffer.compare(await read(), await other.read()) === 0, `the elements of ${name} are as they were written`);
  }
}

/** Half of the cases keep a header whose length is right, so that what it says is read. */
const mutateSafetensors = (random: Random, files: readonly Uint8Array[]): Uint8Array =>
  random.chance(0.5) ? mutateHeader(random, files) : mutateBytes(random, files);

/** The small checkpoint with another index. */
const readIndex = (text: string) =>
  inFolder(
    {
      'config.json': link('tiny/config.json'),
      'pytorch_model-00001-of-00002.bin': link('tiny/pytorch_model-00001-of-00002.bin'),
      'pytorch_model-00002-of-00002.bin': link('tiny/pytorch_model-00002-of-00002.bin'),
      'pytorch_model.bin.index.json': text,
    },
    async (folder) => {
      const checkpoint = await openCheckpoint(folder);
      promise((await checkpoint.load('transformer.ln_f.weight')).length === 256, 'a weight can be loaded');
      await checkpoint.close();
    },
  );

function readConfig(text: string): void {
  const config = parseConfig(parseJson(text), 'config.json');
  promise([...weightShapes(config).values()].every(isShape), 'every weight has a shape that can be counted with');
  promise(same(parseConfig(config, 'again'), config), 'a configuration is read as it is');
}

function readGenerationConfig(text: string): void {
  const generation = parseGenerationConfig(parseJson(text), 'generation_config.json');
  promise(same(parseGenerationConfig(generation, 'again'), generation), 'it is read as it is');
  const notes = unsupportedSettings(parseJson(text), 'generation_config.json');
  promise(
    notes.every((note) => note.length < 1500 && !/\p{Cc}/u.test(note)),
    'what is not supported is said in a line',
  );
}

export const checkpointTargets: Readonly<Record<string, Target>> = {
  safetensors: bytesTarget(safetensorsFiles, readSafetensors, mutateSafetensors),
  torch: bytesTarget(
    archives,
    async (bytes) => readAll(await openTorchArchive(memorySource(bytes, 'case'))),
    mutateArchive,
  ),
  pickle: bytesTarget(pickles, (bytes) => readStateDict(bytes, 'case'), mutatePickle),
  index: jsonTarget(() => goldenText('tiny/pytorch_model.bin.index.json'), readIndex),
  config: jsonTarget(() => goldenText('tiny/config.json', 'published/config.json'), readConfig),
  generation: jsonTarget(() => goldenText('tiny/generation_config.json'), readGenerationConfig),
};
