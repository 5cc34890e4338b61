import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LaunchRecord } from '../../src/profile/record.ts';
import { traceEvents } from '../../src/profile/trace-events.ts';
import { anyLaunch, launchOf, profileOf } from './sample.ts';
import { decodeTrace, type Frame } from './trace-decoder.ts';

const decoded = (...launches: LaunchRecord[]) =>
  decodeTrace(JSON.stringify(traceEvents(profileOf(...launches), 'a device')));

const outline = ({ category, name, inside }: Frame): string =>
  `${category} ${name}${inside.length > 0 ? ` (${inside.map(outline).join(', ')})` : ''}`;

test('parts hold launching, transfers and blocks, these operations, these kernels', () => {
  const launches = [launchOf(2), launchOf(4, { op: 'add', kernels: [] }), launchOf(6, { path: 'transformer.h.1' })];
  const threads = decoded(
    ...launches.map((launch, i) => ({ ...launch, launching: { start: 1.1 + i / 10, milliseconds: 0.05 } })),
  );
  expect(threads.map(({ process }) => process)).toEqual([
    'stepwise: every operation awaited',
    'as it runs, no activation heard',
    'the first call',
  ]);
  expect(threads[0].thread).toBe('a device');
  expect(threads[0].frames.map(outline)).toEqual([
    'part image',
    'part prefill (launching launch linear, launching launch add, launching launch linear, upload upload token ids, block transformer.h.0 (operation linear (kernel product), operation add), block transformer.h.1 (operation linear (kernel product)))',
    'part decode',
    'part decode',
  ]);
});

test('lists lie in the reads that wait for them', () => {
  const profile = profileOf();
  const fused = {
    ...profile.fused,
    transfers: [{ part: 'prefill', kind: 'read' as const, label: 'x', bytes: 4, start: 5, milliseconds: 3 }],
    lists: [
      { part: 'prefill', start: 2, milliseconds: 1 },
      { part: 'prefill', start: 5.5, milliseconds: 2 },
    ],
  };
  const [, thread] = decodeTrace(JSON.stringify(traceEvents({ ...profile, fused }, 'a device')));
  expect(thread.frames.map(outline)[1]).toBe('part prefill (list list, read read x (list list))');
});

test('times are kept, to some nanoseconds', () => {
  const [, { inside }] = decoded(launchOf(2))[0].frames;
  const [block] = inside.filter(({ category }) => category === 'block');
  expect(block.inside[0].start).toBeCloseTo(2000, 1);
  expect(block.inside[0].end).toBeCloseTo(3000, 1);
});

test('whatever clocks say, events nest', () => {
  const property = fc.property(fc.array(anyLaunch, { maxLength: 12 }), (launches) => void decoded(...launches));
  fc.assert(property, { numRuns: 300 });
});

test.each([
  ['[]', 'no traceEvents'],
  ['{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"args":{}}]}', 'duration'],
  ['{"traceEvents":[{"ph":"B","name":"a","pid":1,"tid":1,"ts":0}]}', 'neither'],
  [
    '{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":2,"args":{}},{"ph":"X","name":"b","pid":1,"tid":1,"ts":1,"dur":3,"args":{}}]}',
    'while another is open',
  ],
  [
    '{"traceEvents":[{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":2,"args":{}},{"ph":"X","name":"b","pid":1,"tid":1,"ts":1,"dur":1,"args":{}}]}',
    'fall together',
  ],
])('the decoder refuses %s', (text, reason) => expect(() => decodeTrace(text)).toThrow(reason));
