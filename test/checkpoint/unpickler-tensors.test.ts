import { describe, expect, test } from 'vitest';
import { readStateDict } from '../../src/checkpoint/unpickler.ts';
import { pickle as p } from './torch-writer.ts';

const read = (...parts: (readonly number[])[]) => readStateDict(Uint8Array.from(parts.flat()), 'shard');

describe('every argument of a tensor counts', () => {
  const storage = (type: string, count: number, module = 'torch') =>
    [
      ...[p.mark, p.text('storage'), p.global(module, type), p.text('0'), p.text('cpu')],
      ...[p.integer(count), p.tuple, p.persistent],
    ].flat();
  const dictionary = (...entries: [string, readonly number[]][]) =>
    [p.emptyDict, ...entries.flatMap(([key, value]) => [p.text(key), value, [0x73]])].flat();
  const yes = [0x88];
  const tensor = (call: string, of: number[], ...more: (readonly number[])[]) =>
    [
      ...[p.emptyDict, p.text('x'), p.global('torch._utils', call), p.mark, of],
      ...[p.integer(0), p.integers([2]), p.integers([1]), ...more, p.tuple, p.reduce, [0x73]],
    ].flat();
  const floats = storage('FloatStorage', 2);

  test('metadata: a negated tensor is read as one', () => {
    const negated = (metadata: readonly number[]) =>
      read(p.proto, tensor('_rebuild_tensor_v2', floats, p.false, p.emptyDict, metadata), p.stop).get('x');
    expect(negated(dictionary(['neg', yes]))).toMatchObject({ negated: true });
    expect(negated(dictionary(['neg', p.false], ['conj', p.false]))).toMatchObject({ negated: false });
    expect(negated(p.none)).toMatchObject({ negated: false });
  });

  test('a type of its own on a storage of bytes', () => {
    for (const module of ['torch', 'torch.storage']) {
      const bytes = storage('UntypedStorage', 4, module);
      const args = [p.false, p.emptyDict, p.global('torch', 'uint16')];
      const found = read(p.proto, tensor('_rebuild_tensor_v3', bytes, ...args), p.stop).get('x');
      expect(found).toMatchObject({ storage: { type: { dtype: 'uint16', bytes: 2 }, elements: 2 } });
    }
  });

  test('the oldest call has no more than a view', () => {
    expect(read(p.proto, tensor('_rebuild_tensor', floats), p.stop).get('x')).toMatchObject({ shape: [2] });
  });

  test.each<[string, number[], string]>([
    [
      'conjugated',
      tensor('_rebuild_tensor_v2', floats, p.false, p.emptyDict, dictionary(['conj', yes])),
      '"conj": true',
    ],
    [
      'unknown metadata',
      tensor('_rebuild_tensor_v2', floats, p.false, p.emptyDict, dictionary(['lazy', yes])),
      '"lazy"',
    ],
    [
      'a flag that is none',
      tensor('_rebuild_tensor_v2', floats, p.false, p.emptyDict, dictionary(['neg', p.none])),
      '"neg"',
    ],
    [
      'metadata that is none',
      tensor('_rebuild_tensor_v2', floats, p.false, p.emptyDict, p.text('neg')),
      'the metadata "neg"',
    ],
    [
      'negated integers',
      tensor('_rebuild_tensor_v2', storage('LongStorage', 2), p.false, p.emptyDict, dictionary(['neg', yes])),
      'negated elements of int64',
    ],
    ['an eighth argument', tensor('_rebuild_tensor_v2', floats, p.false, p.emptyDict, p.none, p.none), 'a call of'],
    ['too few', tensor('_rebuild_tensor_v2', floats, p.false), 'a call of'],
    ['hooks', tensor('_rebuild_tensor_v2', floats, p.false, dictionary(['0', p.none])), 'a call of'],
    ['a gradient that is neither', tensor('_rebuild_tensor_v2', floats, p.none, p.emptyDict), 'a call of'],
    ['five of four', tensor('_rebuild_tensor', floats, p.false), 'a call of'],
    ['no type', tensor('_rebuild_tensor_v3', storage('UntypedStorage', 8), p.false, p.emptyDict), 'as nothing'],
    [
      'half an element',
      tensor('_rebuild_tensor_v3', storage('UntypedStorage', 5), p.false, p.emptyDict, p.global('torch', 'float32')),
      '5 bytes as torch.float32',
    ],
  ])('%s', (_, parts, named) => {
    expect(() => read(p.proto, parts, p.stop)).toThrow(named);
  });

  test('the trust is lost in foreign names alone', () => {
    const foreign = () => read(p.proto, p.global('os', 'system'), p.stop);
    const own = () => read(p.proto, tensor('_rebuild_tensor_v2', floats, p.false), p.stop);
    expect(foreign).toThrow('do not trust this file');
    expect(own).toThrow('save the state dict alone');
    expect(own).not.toThrow('trust');
  });
});
