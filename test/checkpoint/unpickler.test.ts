import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readStateDict } from '../../src/checkpoint/unpickler.ts';
import { damaged, survives } from './hostile.ts';
import { pickle as p, pickleStateDict, type Saved } from './torch-writer.ts';

const read = (...parts: (readonly number[])[]) => readStateDict(Uint8Array.from(parts.flat()), 'shard');

const saved: Saved = {
  storages: {
    0: { dtype: 'float32', data: new Float32Array(6), elements: 6 },
    one: { dtype: 'bfloat16', data: new Uint16Array(3_000_000), elements: 3_000_000 },
    2: { dtype: 'int64', data: new BigInt64Array(0), elements: 2 ** 40 },
  },
  tensors: [
    ['a.weight', { storage: '0', offset: 1, shape: [2, 2], strides: [1, 2] }],
    ['__proto__', { storage: 'one', offset: 70_000, shape: [], strides: [] }],
    ['長い', { storage: '2', offset: 2 ** 33, shape: [300], strides: [1] }],
    ['tied', { storage: '0', offset: 0, shape: [6], strides: [1] }],
  ],
};

test('a state dict is read: names, storages, views', () => {
  const tensors = readStateDict(pickleStateDict(saved), 'shard');
  expect([...tensors.keys()]).toEqual(saved.tensors.map(([name]) => name));
  for (const [name, { storage, offset, shape, strides }] of saved.tensors) {
    const { dtype, elements } = saved.storages[storage];
    const expected = { kind: 'tensor', storage: { kind: 'storage', key: storage, elements }, offset, shape, strides };
    expect(tensors.get(name)).toMatchObject(expected);
    expect(tensors.get(name)).toMatchObject({ storage: { type: { dtype } }, negated: false });
  }
});

test('entries one by one, parameters, lists, long tuples and negative numbers', () => {
  const storage = [p.mark, p.text('storage'), p.global('torch', 'HalfStorage'), p.text('k'), p.text('cuda:0')].flat();
  const tensor = [
    ...[...p.global('torch._utils', '_rebuild_tensor_v2'), ...p.mark],
    ...[
      ...storage,
      ...p.integer(4),
      ...p.tuple,
      ...p.persistent,
      ...p.integer(2),
      ...p.integer(2),
      0x85,
      ...p.integer(1),
      0x85,
    ],
    ...[...p.false, ...p.none, ...p.tuple, ...p.reduce],
  ];
  const parameter = [...p.global('torch._utils', '_rebuild_parameter'), ...tensor, 0x88, ...p.none, 0x87, ...p.reduce];
  const list = [0x5d, ...p.integer(-5), 0x61, ...p.mark, ...p.integer(-(2 ** 40)), ...p.integer(7), 0x65];
  const setOne = [...p.text('x'), ...parameter, 0x73];
  // What a parameter carries beside its data is of no consequence.
  const named = p.global('torch._utils', '_rebuild_parameter_with_state');
  const withState = [...named, ...p.mark, ...tensor, ...p.false, ...p.emptyDict, ...list, ...p.tuple, ...p.reduce];
  const tensors = read(p.proto, p.emptyDict, setOne, p.text('y'), withState, [0x73], p.stop);
  const expected = {
    kind: 'tensor',
    storage: {
      kind: 'storage',
      key: 'k',
      type: { dtype: 'float16', bytes: 2 },
      typeName: 'torch.HalfStorage',
      elements: 4,
    },
    offset: 2,
    shape: [2],
    strides: [1],
    negated: false,
  };
  expect(Object.fromEntries(tensors)).toEqual({ x: expected, y: expected });
});

describe('nothing else is obeyed, and it is named', () => {
  const system = p.global('os', 'system');
  const ordered = p.global('collections', 'OrderedDict');
  test.each<[string, number[][], string]>([
    ['a foreign function', [p.proto, system], 'the name "os system"'],
    ['eval', [p.proto, p.global('builtins', 'eval')], 'the name "builtins eval"'],
    ['a module with a line of its own', [p.proto, p.global('a\x1b[2J', 'b')], 'the name "a\\u001b[2J b"'],
    ['another torch function', [p.proto, p.global('torch', 'load')], 'the name "torch load"'],
    ['an inherited name', [p.proto, p.global('', 'constructor')], 'the name " constructor"'],
    ['a foreign instruction', [p.proto, [0x69]], 'the instruction 0x69'],
    ['another global instruction', [p.proto, p.text('posix'), p.text('system'), [0x93]], 'the name "posix system"'],
    ['names that are none', [p.proto, p.none, p.none, [0x93]], 'the name null null'],
    ['an extension', [p.proto, [0x82, 1]], 'the instruction 0x82'],
    ['another protocol', [[0x80, 6]], 'protocol 6 (expected 2 to 5)'],
    [
      'arguments for a dictionary',
      [p.proto, ordered, p.emptyDict, [0x85], p.reduce],
      'a call of collections OrderedDict',
    ],
    [
      'a call of a class',
      [p.proto, p.global('torch', 'FloatStorage'), p.emptyTuple, p.reduce],
      'a call of torch FloatStorage',
    ],
    ['a call of a text', [p.proto, p.text('x'), p.emptyTuple, p.reduce], 'a call of "x"'],
    ['attributes', [p.proto, p.emptyDict, p.emptyDict, p.build], 'attributes for an object'],
    [
      'attributes beside _metadata',
      [
        p.proto,
        p.emptyDict,
        p.emptyDict,
        p.mark,
        p.text('_metadata'),
        p.none,
        p.text('__class__'),
        p.none,
        p.setItems,
        p.build,
      ],
      'attributes for an object',
    ],
    ['attributes of a class', [p.proto, ordered, p.emptyDict, p.build], 'attributes for collections OrderedDict'],
    ['a foreign persistent id', [p.proto, p.text('id'), p.persistent], 'a reference to "id"'],
    [
      'a reference with a view of its own',
      [
        p.proto,
        p.mark,
        p.text('storage'),
        p.global('torch', 'FloatStorage'),
        p.text('0'),
        p.text('cpu'),
        p.integer(4),
        p.none,
        p.tuple,
        p.persistent,
      ],
      'a reference to a list',
    ],
    ['entries for a number', [p.proto, p.integer(1), p.text('a'), p.none, [0x73]], 'entries for 1'],
    ['items for a dictionary', [p.proto, p.emptyDict, p.none, [0x61]], 'items for an object'],
  ])('%s', (_, parts, named) => {
    expect(() => read(...parts, p.stop)).toThrow(`shard: its pickle holds ${named}`);
  });

  const tensorOf = (...args: number[][]) =>
    [p.global('torch._utils', '_rebuild_tensor_v2'), p.mark, ...args, p.tuple, p.reduce].flat();
  const storage = [
    p.mark,
    p.text('storage'),
    p.global('torch', 'FloatStorage'),
    p.text('0'),
    p.text('cpu'),
    p.integer(4),
    p.tuple,
    p.persistent,
  ].flat();
  test.each<[string, number[], string]>([
    ['no storage', tensorOf(p.none, p.integer(0), p.integers([1]), p.integers([1])), 'a tensor of null'],
    ['negative offset', tensorOf(storage, p.integer(-1), p.integers([1]), p.integers([1])), 'a tensor at offset -1'],
    ['negative size', tensorOf(storage, p.integer(0), p.integers([-1]), p.integers([1])), 'no list of sizes'],
    [
      'uncountable',
      tensorOf(storage, p.integer(0), p.integers([2 ** 40, 2 ** 40]), p.integers([0, 0])),
      'no list of sizes',
    ],
    ['negative stride', tensorOf(storage, p.integer(0), p.integers([2]), p.integers([-1])), 'strides do not fit'],
    ['too few strides', tensorOf(storage, p.integer(0), p.integers([2, 2]), p.integers([1])), 'strides do not fit'],
    ['no arguments', tensorOf(), 'a tensor of nothing'],
    [
      'a storage of no class',
      [...p.mark, ...p.text('storage'), ...p.none, ...p.text('0'), ...p.none, ...p.none, ...p.tuple, ...p.persistent],
      'a storage of null',
    ],
  ])('a tensor: %s', (_, tensor, named) => {
    expect(() => read(p.proto, tensor, p.stop)).toThrow(named);
  });
});

describe('a pickle that contradicts itself', () => {
  test.each<[string, number[][], string]>([
    ['empty', [], 'ends in the middle'],
    ['without a stop', [p.proto, p.emptyDict], 'ends in the middle'],
    ['a long text', [p.proto, [0x58, 255, 255, 255, 255, 65]], 'ends in the middle'],
    ['a text that is not UTF-8', [p.proto, [0x58, 1, 0, 0, 0, 0xff]], 'text that is not UTF-8'],
    ['a name without an end', [p.proto, [0x63, 65, 65]], 'ends in the middle'],
    ['an empty stack', [p.proto, p.stop], 'takes more from its stack'],
    ['beyond a mark', [p.proto, p.none, p.mark, [0x85]], 'takes more from its stack'],
    ['no mark', [p.proto, p.tuple], 'has no mark'],
    ['a key without a value', [p.proto, p.emptyDict, p.mark, p.text('a'), p.setItems], 'a key without a value'],
    ['an unknown memory', [p.proto, p.recall(7)], 'recalls value 7'],
    ['a frame beyond the end', [p.proto, [0x95, 3, 0, 0, 0, 0, 0, 0, 0], p.emptyDict, p.stop], 'ends in the middle'],
    ['text and no pickle', [[0x28, 0x64, 0x70, 0x30, 0x0a]], 'is of protocol 0 or 1, or none'],
  ])('%s', (_, parts, named) => {
    expect(() => read(...parts)).toThrow(named);
  });

  test('what is no dictionary of tensors', () => {
    expect(() => read(p.proto, p.none, p.stop)).toThrow('it holds null, expected a dictionary of tensors');
    expect(read(p.proto, p.emptyDict, p.text('epoch'), p.integer(3), [0x73], p.stop).size).toBe(0);
  });

  test('a list that holds itself is no trap', () => {
    expect(() => read(p.proto, [0x5d], p.keep(0), p.recall(0), [0x61], p.stop)).toThrow('it holds a list');
  });
});

test('a damaged pickle is read or refused', async () => {
  const original = pickleStateDict(saved);
  const outcomes = new Set<string>();
  const property = fc.asyncProperty(damaged(original), async (bytes) => {
    outcomes.add(await survives(() => readStateDict(bytes, 'shard')));
  });
  await fc.assert(property, { numRuns: 3000 });
  expect(outcomes.size).toBe(2);
});
