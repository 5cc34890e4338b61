import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { readFloat32, readFloat64 } from '../../src/checkpoint/stored-tensor.ts';
import { openTorchArchive } from '../../src/checkpoint/torch-archive.ts';
import { survives } from './hostile.ts';

/** What PyTorch wrote: see torch-saved/make.py. */
const open = async (name: string) =>
  openTorchArchive(memorySource(await readFile(new URL(`torch-saved/${name}.bin`, import.meta.url)), name));

const TYPES = ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'];

describe.each([2, 3, 4, 5])('pickle protocol %i', (protocol) => {
  test('weights of every type; what a training run keeps beside them is passed over', async () => {
    const tensors = await open(`protocol-${protocol}`);
    for (const type of TYPES) {
      const tensor = tensors.get(type)!;
      expect([type, tensor.dtype, tensor.shape]).toEqual([type, type, [3]]);
      expect([type, ...(await readFloat64(tensor))]).toEqual([type, 0, 1, type === 'bool' ? 1 : 2]);
    }
    expect([...(await readFloat32(tensors.get('parameter')!))]).toEqual([3]);
    expect([...(await readFloat32(tensors.get('with attribute')!))]).toEqual([1]);
    const others = ['parameter', 'with attribute', 'complex', 'sparse', 'quantised'];
    expect([...tensors.keys()]).toEqual([...TYPES, ...others]);
  });

  test('a tensor of a kind that nobody reads is an error for whoever reads it', async () => {
    const tensors = await open(`protocol-${protocol}`);
    for (const [name, what] of [
      ['complex', 'ComplexFloatStorage'],
      ['sparse', 'a sparse tensor'],
      ['quantised', 'a quantised tensor'],
    ]) {
      expect(tensors.get(name)!.dtype).toBeUndefined();
      await expect(readFloat32(tensors.get(name)!)).rejects.toThrow(what);
      expect(await survives(() => readFloat32(tensors.get(name)!))).toBe('refused');
    }
  });
});

test.each([
  ['legacy', 'in the format of torch.save before torch 1.6, expected a zip archive; save it again with a newer torch'],
  ['module', 'it holds torch.nn.modules.linear.Linear, expected a dictionary of tensors; save the state dict alone'],
  [
    'nested',
    'its tensors are in the entry "model"; save that entry alone: torch.save(torch.load(FILE)["model"], FILE)',
  ],
  ['script', 'it is a TorchScript module, with its code; save its weights: torch.save(torch.jit.load(FILE)'],
])('%s: what to save instead', async (name, says) => {
  await expect(open(name)).rejects.toThrow(says);
  await expect(open(name)).rejects.not.toThrow('trust');
});
