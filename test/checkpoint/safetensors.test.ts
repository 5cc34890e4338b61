import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/architecture/config.ts';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { checkpointFrom } from '../../src/checkpoint/checkpoint.ts';
import { openSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { type HostTensor, readFloat32, readFloat64 } from '../../src/checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../src/error.ts';
import { ELEMENT_BYTES, type FileType } from '../../tensor/dtype.ts';
import { damaged, survives } from './hostile.ts';

const golden = (file: string) => readFileSync(new URL(`../../golden/${file}`, import.meta.url));
const open = (bytes: Uint8Array) => openSafetensors(memorySource(bytes, 'a file'));

/** A file with this header and so many bytes of data. */
function fileOf(header: string, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

describe('goldens', () => {
  test.each(['a', 'b', 'e'])('model-%s: the tensors are the declared ones, and all can be read', async (model) => {
    const config = parseConfig(JSON.parse(golden(`quirks/model-${model}.config.json`).toString()), 'config');
    const { tensors, metadata } = await open(golden(`quirks/model-${model}.weights.safetensors`));
    const checkpoint = checkpointFrom({ path: 'a', config, tensors });
    expect(JSON.parse(metadata.get('config') ?? '').hidden_size).toBe(config.hidden_size);
    let seen = 0;
    for (const [name, tensor] of tensors) {
      const values = await checkpoint.load(name);
      expect(values.length).toBe(tensor.shape.reduce((a, b) => a * b, 1));
      if (values.every(Number.isFinite)) seen++;
    }
    expect(seen).toBe(tensors.size);
  });

  test('activations are there in float32, float64 and int64, and agree', async () => {
    const single = (await open(golden('quirks/model-e.activations.safetensors'))).tensors;
    const double = (await open(golden('quirks/model-e.activations.f64.safetensors'))).tensors;
    const name = 'transformer.visual.ln_pre';
    const [low, high] = await Promise.all([readFloat64(single.get(name)!), readFloat64(double.get(name)!)]);
    expect(double.get(name)!.dtype).toBe('float64');
    expect(Math.max(...low.map((value, i) => Math.abs(value - high[i])))).toBeLessThan(1e-5);
    expect(high.some((value) => Math.fround(value) !== value)).toBe(true);

    const ids = single.get('input.ids')!;
    expect([ids.dtype, ids.shape]).toEqual(['int64', [1, 60]]);
    expect((await readFloat32(ids)).every((id) => Number.isInteger(id) && id >= 0 && id < 120)).toBe(true);
  });
});

describe('writing', () => {
  const types = Object.keys(ELEMENT_BYTES) as FileType[];
  const tensor = fc.tuple(fc.constantFrom(...types), fc.array(fc.nat(4), { maxLength: 4 })).chain(([dtype, shape]) => {
    const bytes = shape.reduce((a, b) => a * b, 1) * ELEMENT_BYTES[dtype];
    const data = fc.uint8Array({ minLength: bytes, maxLength: bytes });
    return data.map((data): HostTensor => ({ dtype, shape, data }));
  });
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('__proto__', 'constructor', 'toString', '', '0', 'a.b', '層'),
  );

  test('what is written is read back, bit by bit, whatever its name', async () => {
    const entries = fc.array(fc.tuple(name, tensor), { maxLength: 8 }).map((list) => new Map(list));
    const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
    const property = fc.asyncProperty(entries, texts, async (tensors, metadata) => {
      const file = writeSafetensors(tensors, metadata);
      const back = await open(file);
      expect(Object.fromEntries(back.metadata)).toEqual({ ...metadata });
      expect([...back.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
      for (const [name, { dtype, shape, data }] of tensors) {
        const stored = back.tensors.get(name)!;
        expect([stored.dtype, stored.shape, stored.bytes]).toEqual([dtype, shape, data.byteLength]);
        expect(await stored.read()).toEqual(data);
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test('the order in which tensors are given makes no difference, and each is aligned', async () => {
    const entries: [string, HostTensor][] = [
      ['b', { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ['a', { dtype: 'bfloat16', shape: [1], data: Uint16Array.of(0x3f80) }],
      ['c', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) }],
      ['d', { dtype: 'float32', shape: [], data: Float32Array.of(3) }],
    ];
    const file = writeSafetensors(new Map(entries));
    expect(file).toEqual(writeSafetensors(new Map(entries.toReversed())));
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
    expect(Object.keys(header)).toEqual(['c', 'd', 'a', 'b']);
    expect(header.d).toEqual({ dtype: 'F32', shape: [], data_offsets: [8, 12] });
    const { tensors } = await open(file);
    expect([...(await readFloat32(tensors.get('a')!))]).toEqual([1]);
    expect([...(await readFloat64(tensors.get('b')!))]).toEqual([1, 2, 3]);
  });

  test('data that does not fit its shape, or a reserved name, is not written', () => {
    const data = Float32Array.of(1, 2);
    expect(() => writeSafetensors(new Map([['a', { dtype: 'float32', shape: [3], data }]]))).toThrow(RangeError);
    expect(() => writeSafetensors(new Map([['__metadata__', { dtype: 'float32', shape: [2], data }]]))).toThrow(
      RangeError,
    );
  });
});

describe('hostile headers', () => {
  const entry = (dtype: string, shape: unknown, offsets: unknown) =>
    JSON.stringify({ dtype, shape, data_offsets: offsets });
  test.each<[string, Uint8Array, RegExp]>([
    ['no file', new Uint8Array(0), /0 bytes are too few/],
    ['too long', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255), /a header of 18446744073709552000 bytes/],
    ['longer than the file', fileOf('{}').subarray(0, 9), /a header of 2 bytes, expected at most 1/],
    ['not JSON', fileOf('{"a":'), /not JSON/],
    ['not UTF-8', fileOf('""').map((byte, i) => (i === 9 ? 0xff : byte)), /not JSON/],
    ['a list', fileOf('[]'), /its header is a list/],
    ['no entry', fileOf('{"a\\u009b":3}'), /tensor "a\\u009b": it is 3, expected an object/],
    ['a dtype that is no text', fileOf('{"a":{"dtype":3,"shape":[0],"data_offsets":[0,0]}}'), /its dtype is 3/],
    ['negative size', fileOf(`{"a":${entry('F32', [-1, -4], [0, 16])}}`, 16), /no list of sizes/],
    ['fractional size', fileOf(`{"a":${entry('F32', [0.5], [0, 2])}}`, 2), /no list of sizes/],
    ['uncountable', fileOf(`{"a":${entry('F32', [2 ** 40, 2 ** 40], [0, 0])}}`), /no list of sizes/],
    ['too many axes', fileOf(`{"a":${entry('F32', Array(17).fill(1), [0, 4])}}`, 4), /no list of sizes/],
    ['wrong bytes', fileOf(`{"a":${entry('F32', [2], [0, 4])}}`, 4), /4 bytes, expected 8 for \[2\] F32/],
    ['backwards', fileOf(`{"a":${entry('F32', [1], [4, 0])}}`, 4), /no range/],
    ['before the start', fileOf(`{"a":${entry('F32', [1], [-4, 0])}}`, 4), /no range/],
    ['no offsets', fileOf(`{"a":${entry('F32', [1], null)}}`, 4), /no range/],
    ['out of range', fileOf(`{"a":${entry('F32', [1], [0, 4])}}`, 3), /3 bytes of data, expected 4/],
    ['left over', fileOf(`{"a":${entry('F32', [1], [0, 4])}}`, 5), /5 bytes of data, expected 4/],
    ['overlap', fileOf(`{"a":${entry('U8', [2], [0, 2])},"b":${entry('U8', [2], [1, 3])}}`, 3), /begins at byte 1/],
    ['gap', fileOf(`{"a":${entry('U8', [1], [0, 1])},"b":${entry('U8', [1], [2, 3])}}`, 3), /begins at byte 2/],
    ['a tensor twice', fileOf(`{"a":${entry('U8', [1], [0, 1])},"a":${entry('U8', [1], [0, 1])}}`, 1), /"a" twice/],
    [
      'a tensor twice, spelt in two ways',
      fileOf(`{"a":${entry('U8', [1], [0, 1])},"\\u0061" :${entry('U8', [1], [0, 1])}}`, 1),
      /"a" twice/,
    ],
    ['a field twice', fileOf('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1), /"dtype" twice/],
    ['metadata twice', fileOf('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" twice/],
    ['a text of metadata twice', fileOf('{"__metadata__":{"a":"1","a":"2"}}'), /"a" twice/],
    ['metadata that is a number', fileOf('{"__metadata__":1}'), /__metadata__ is 1, expected an object of texts/],
    ['metadata that is a list', fileOf('{"__metadata__":["a"]}'), /__metadata__ is a list/],
    ['metadata of a number', fileOf('{"__metadata__":{"a":1}}'), /__metadata__ is 1 as "a"/],
    ['space before the brace', fileOf(' {}'), /does not begin with a brace/],
    ['nested deep', fileOf(`{"__metadata__":${'['.repeat(65)}`), /more than 64 deep/],
    ['an HTML page', new TextEncoder().encode('<!DOCTYPE html><html>not found</html>'), /it is an HTML page/],
  ])('%s', async (_, bytes, expected) => {
    await expect(open(bytes)).rejects.toThrow(expected);
    expect(await survives(() => open(bytes))).toBe('refused');
  });

  test('a type that nobody reads matters only to whoever wants it', async () => {
    const file = fileOf(`{"a":${entry('F8_E4M3', [2], [0, 2])},"b":${entry('constructor', [1], [2, 3])}}`, 3);
    const { tensors } = await open(file);
    expect(tensors.get('a')).toMatchObject({ dtype: undefined, shape: [2], bytes: 2 });
    await expect(readFloat32(tensors.get('a')!)).rejects.toThrow('"F8_E4M3", which is not read');
    await expect(readFloat64(tensors.get('b')!)).rejects.toThrow(CheckpointError);
  });

  test('large files have large offsets', async () => {
    const half = 2 ** 35;
    const header = `{"a":${entry('U8', [half], [0, half])},"b":${entry('U8', [half], [half, 2 * half])}}`;
    const bytes = fileOf(header);
    const source = { ...memorySource(bytes, 'a file'), size: bytes.length + 2 * half };
    expect((await openSafetensors(source)).tensors.get('b')!.bytes).toBe(half);
  });

  test('a damaged file is read or refused', async () => {
    const file = writeSafetensors(
      new Map<string, HostTensor>([
        ['weight', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
        ['bias', { dtype: 'bfloat16', shape: [3], data: Uint16Array.of(1, 2, 3) }],
      ]),
      { format: 'pt' },
    );
    const outcomes = new Set<string>();
    const property = fc.asyncProperty(damaged(file, [0, 8]), async (bytes) => {
      const outcome = await survives(async () => {
        for (const tensor of (await open(bytes)).tensors.values()) await readFloat32(tensor);
      });
      outcomes.add(outcome);
    });
    await fc.assert(property, { numRuns: 1000 });
    expect(outcomes.size).toBe(2);
  });
});
