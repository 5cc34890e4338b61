import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readStateDict } from '../../src/checkpoint/unpickler.ts';
import { processorTime } from '../processor-time.ts';
import { survives } from './hostile.ts';
import { pickle as p } from './torch-writer.ts';

const read = (...parts: (readonly number[])[]) => readStateDict(Uint8Array.from(parts.flat()), 'shard');

test('a megabyte of any one instruction ends in time', async () => {
  expect(await processorTime(readLargest)).toBeLessThan(5000);
});

function readLargest(): void {
  for (const repeated of [p.mark, p.none, p.emptyDict, p.emptyTuple, [...p.none, ...p.keep(300)], [0x5d, 0x61]]) {
    const bytes = new Uint8Array(2 ** 20).map((_, i) => repeated[i % repeated.length]);
    expect(() => readStateDict(bytes, 'shard')).toThrow('shard: ');
  }
  // Attributes set again and again on ever the same large dictionary.
  const entries = Array.from({ length: 20_000 }, (_, i) => [...p.text(`k${i}`), ...p.none]).flat();
  const large = [...p.emptyDict, ...p.mark, ...entries, ...p.setItems, ...p.keep(0)];
  const build = Array.from({ length: 20_000 }, () => [...p.recall(0), ...p.build]).flat();
  expect(() => read(p.proto, large, p.emptyDict, build, p.stop)).toThrow('attributes for an object');
  // One large dictionary in very many entries of another.
  const named = Array.from({ length: 60_000 }, (_, i) => [...p.text(`${i}`), ...p.recall(0)]).flat();
  expect(read(p.proto, large, p.emptyDict, p.mark, named, p.setItems, p.stop).size).toBe(0);
}

test('any string of known instructions is read or refused', async () => {
  const { text, global, keep, recall, integer, integers, ...plain } = p;
  const word = fc.constantFrom(
    ...Object.values(plain),
    ...[
      text('storage'),
      text('a'),
      integer(0),
      integer(300),
      keep(0),
      recall(0),
      integers([2, 3]),
      [0x86],
      [0x61],
      [0x73],
    ],
    ...[
      global('collections', 'OrderedDict'),
      global('torch._utils', '_rebuild_tensor_v2'),
      global('torch', 'FloatStorage'),
    ],
  );
  const property = fc.asyncProperty(fc.array(word, { maxLength: 40 }), async (words) => {
    await survives(() => read(...words, p.stop));
  });
  await fc.assert(property, { numRuns: 2000 });
});
