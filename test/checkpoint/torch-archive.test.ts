import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { readFloat32, readFloat64 } from '../../src/checkpoint/stored-tensor.ts';
import { openTorchArchive } from '../../src/checkpoint/torch-archive.ts';
import type { FileType } from '../../tensor/dtype.ts';
import { damaged, survives } from './hostile.ts';
import { pickleStateDict, type Saved, torchArchive, type View, zip } from './torch-writer.ts';

const open = (bytes: Uint8Array) => openTorchArchive(memorySource(bytes, 'shard'));
const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i);

const saved: Saved = {
  storages: {
    0: { dtype: 'float32', data: counting(24), elements: 24 },
    1: { dtype: 'float64', data: Float64Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6), elements: 6 },
    2: { dtype: 'bfloat16', data: Uint16Array.of(0x3f80, 0xc000, 0x7f80), elements: 3 },
    3: { dtype: 'float32', data: new Float32Array(0), elements: 0 },
    4: { dtype: 'float16', data: Uint16Array.of(0x3c00, 0x0001, 0xfc00), elements: 3 },
  },
  tensors: [
    ['whole', { storage: '0', offset: 0, shape: [4, 6], strides: [6, 1] }],
    ['transposed', { storage: '0', offset: 0, shape: [6, 4], strides: [1, 6] }],
    ['column', { storage: '0', offset: 2, shape: [4], strides: [6] }],
    ['scalar', { storage: '0', offset: 23, shape: [], strides: [] }],
    ['doubles', { storage: '1', offset: 0, shape: [3, 2], strides: [1, 3] }],
    ['bfloat16', { storage: '2', offset: 1, shape: [2, 1], strides: [1, 77] }],
    ['nothing', { storage: '3', offset: 0, shape: [0, 5], strides: [5, 1] }],
    ['overlapping', { storage: '0', offset: 5, shape: [2, 3], strides: [1, 1] }],
    ['float16', { storage: '4', offset: 0, shape: [3], strides: [1] }],
  ],
};
const values = {
  whole: [...counting(24)],
  transposed: Array.from({ length: 24 }, (_, i) => (i % 4) * 6 + Math.floor(i / 4)),
  column: [2, 8, 14, 20],
  scalar: [23],
  doubles: [0.1, 0.4, 0.2, 0.5, 0.3, 0.6],
  bfloat16: [-2, Infinity],
  nothing: [],
  overlapping: [5, 6, 7, 6, 7, 8],
  float16: [1, 2 ** -24, -Infinity],
};

test.each([
  {},
  { zip64: true },
  { byteOrder: 'little' },
  { comment: 'PK\x05\x06 is how the end begins, usually' },
])('views of shared storages are gathered: %j', async (options) => {
  const tensors = await open(torchArchive(saved, options));
  const found: Record<string, number[]> = {};
  for (const [name, tensor] of tensors) found[name] = [...(await readFloat64(tensor))];
  expect(found).toEqual(values);
  expect(tensors.get('transposed')!.shape).toEqual([6, 4]);
  expect(tensors.get('doubles')).toMatchObject({ name: 'doubles', dtype: 'float64', bytes: 48 });
});

test('only what a view spans is read', async () => {
  const memory = memorySource(torchArchive(saved), 'shard');
  const lengths: number[] = [];
  const source = {
    ...memory,
    read(offset: number, length: number) {
      lengths.push(length);
      return memory.read(offset, length);
    },
  };
  const tensors = await openTorchArchive(source);
  lengths.length = 0;
  await tensors.get('column')!.read();
  await tensors.get('scalar')!.read();
  await tensors.get('nothing')!.read();
  expect(lengths).toEqual([19 * 4, 4, 0]);
});

test('any permuted slice of a storage equals the same view taken element by element', async () => {
  const view = fc
    .tuple(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 })), { maxLength: 4 }),
      fc.nat(5),
    )
    .chain(([axes, offset]) => {
      // Steps over ever larger rows, then any order of axes.
      let row = 1;
      const laid = axes.map(([size, step]) => {
        const stride = row * step;
        row *= size * step;
        return { size, stride };
      });
      const order = fc.shuffledSubarray(laid, { minLength: laid.length });
      return order.map((order) => ({
        elements: offset + row,
        view: {
          storage: '0',
          offset,
          shape: order.map(({ size }) => size),
          strides: order.map(({ stride }) => stride),
        },
      }));
    });
  const property = fc.asyncProperty(view, async ({ elements, view }) => {
    const archive = torchArchive({
      storages: { 0: { dtype: 'float32', data: counting(elements), elements } },
      tensors: [['x', view]],
    });
    const { shape, strides, offset } = view;
    let expected = [offset];
    for (const [axis, size] of shape.entries()) {
      expected = expected.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * strides[axis]));
    }
    expect([...(await readFloat32((await open(archive)).get('x')!))]).toEqual(expected);
  });
  await fc.assert(property, { numRuns: 300 });
});

test.each<[FileType, ArrayBufferView, number[]]>([
  ['float32', Float32Array.of(1, -2, 0, Infinity), [-1, 2, -0, -Infinity]],
  ['float64', Float64Array.of(0.1, -2, 0, 3), [-0.1, 2, -0, -3]],
  ['float16', Uint16Array.of(0x3c00, 0xc000, 0, 0x7c00), [-1, 2, -0, -Infinity]],
  ['bfloat16', Uint16Array.of(0x3f80, 0xc000, 0, 0x7f80), [-1, 2, -0, -Infinity]],
])('a negated view has the other sign: %s', async (dtype, data, expected) => {
  const view = { storage: '0', offset: 0, shape: [2, 2], strides: [2, 1], negated: true };
  const transposed = { ...view, strides: [1, 2] };
  const archive = torchArchive({
    storages: { 0: { dtype, data, elements: 4 } },
    tensors: [
      ['x', view],
      ['y', transposed],
      ['z', { ...view, negated: false }],
    ],
  });
  const tensors = await open(archive);
  expect([...(await readFloat64(tensors.get('x')!))]).toEqual(expected);
  expect([...(await readFloat64(tensors.get('y')!))]).toEqual([expected[0], expected[2], expected[1], expected[3]]);
  expect([...(await readFloat64(tensors.get('z')!))]).toEqual(expected.map((value) => -value));
});

describe('what does not fit is refused before anything is allocated', () => {
  const one = (view: Partial<View>, elements = 4): Saved => ({
    storages: { 0: { dtype: 'float32', data: counting(4), elements } },
    tensors: [['x', { storage: '0', offset: 0, shape: [4], strides: [1], ...view }]],
  });
  const miscounted = torchArchive(saved);
  miscounted[miscounted.length - 12]++; // the count of entries in the end record
  test.each<[string, Uint8Array, string]>([
    [
      'beyond the end',
      torchArchive(one({ offset: 1 })),
      '[4] at 1 with strides [1] does not fit a storage of 4 elements',
    ],
    ['far beyond', torchArchive(one({ strides: [2 ** 50] })), 'does not fit a storage of 4'],
    ['expanded', torchArchive(one({ shape: [2 ** 25, 2 ** 25], strides: [0, 0] })), 'does not fit a storage of 4'],
    [
      'an offset without elements',
      torchArchive(one({ shape: [0], strides: [9], offset: 5 })),
      'does not fit a storage of 4',
    ],
    ['a storage of another size', torchArchive(one({}, 2 ** 40)), `its storage has 16 bytes, expected ${2 ** 42}`],
    [
      'a storage that is not there',
      zip([['m/data.pkl', pickleStateDict(one({}))]]),
      'shard, tensor "x": its storage "0" is not in the archive',
    ],
    [
      'many views of one storage',
      torchArchive({
        storages: { 0: { dtype: 'float32', data: counting(1000), elements: 1000 } },
        tensors: Array.from({ length: 6 }, (_, i) => [
          `${i}`,
          { storage: '0', offset: 0, shape: [1000], strides: [1] },
        ]),
      }),
      '24000 bytes of tensors in',
    ],
    ['big-endian', torchArchive(one({}), { byteOrder: 'big' }), 'its byte order is "big", expected "little"'],
    ['compressed', torchArchive(one({}), { method: 8 }), 'it is compressed, expected plain bytes'],
    ['no pickle', zip([['m/version', Uint8Array.of(51)]]), 'a zip archive without data.pkl'],
    [
      'two pickles',
      zip([
        ['a/data.pkl', Uint8Array.of()],
        ['b/data.pkl', Uint8Array.of()],
      ]),
      'without data.pkl',
    ],
    [
      'a name twice',
      zip([
        ['a', Uint8Array.of()],
        ['a', Uint8Array.of()],
      ]),
      'two entries called "a"',
    ],
    [
      'a large pickle',
      zip([['a/data.pkl', new Uint8Array(2 ** 20 + 1)]]),
      'has 1048577 bytes, expected at most 1048576',
    ],
    ['fewer entries than counted', miscounted, 'its zip directory is damaged'],
    ['no archive', new TextEncoder().encode('not an archive'), 'it is no complete zip archive'],
    ['nothing', new Uint8Array(0), 'it is no complete zip archive'],
    ['cut off', torchArchive(saved).subarray(0, -1), 'it is no complete zip archive'],
  ])('%s', async (_, bytes, named) => {
    await expect(open(bytes)).rejects.toThrow(named);
    expect(await survives(() => open(bytes))).toBe('refused');
  });
});

describe.each([false, true])('damage, zip64 %s', (zip64) => {
  const original = torchArchive(saved, { zip64 });
  const directory = Buffer.from(original).indexOf('PK\x01\x02');
  const pickled = Buffer.from(original).indexOf(Uint8Array.of(0x80, 2));

  test('a damaged archive is read or refused', async () => {
    const regions: [number, number][] = [
      [0, 64],
      [directory, original.length],
      [pickled, pickled + pickleStateDict(saved).length],
    ];
    const outcomes = new Set<string>();
    const property = fc.asyncProperty(damaged(original, ...regions), async (bytes) => {
      const outcome = await survives(async () => {
        for (const tensor of (await open(bytes)).values()) {
          expect((await tensor.read()).length).toBe(tensor.bytes);
        }
      });
      outcomes.add(outcome);
    });
    await fc.assert(property, { numRuns: 1500 });
    expect(outcomes.size).toBe(2);
  });

  test('every single byte of the directory set to 0 or 255 is read or refused', async () => {
    for (let at = directory; at < original.length; at++) {
      for (const value of [0, 255]) await survives(() => open(original.with(at, value)));
    }
  });
});

test('a shard as torch.save wrote it', async () => {
  const file = 'pytorch_model-00002-of-00002.bin';
  const tensors = await open(readFileSync(new URL(`../../golden/tiny/${file}`, import.meta.url)));
  const head = tensors.get('lm_head.weight')!;
  expect([head.dtype, head.shape, head.bytes]).toEqual(['bfloat16', [768, 256], 393_216]);
  const first = (await readFloat32(head)).subarray(0, 5);
  expect([...first]).toEqual([-0.08935546875, 0.068359375, 0.11083984375, 0.1025390625, 0.1484375]);
});
