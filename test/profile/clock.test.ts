import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clockFor } from '../../src/profile/device-clock.ts';
import { type Timed, timesOf } from '../../src/profile/device-times.ts';
import { isRounded } from '../../src/profile/webgpu-clock.ts';

const activity = fc.constantFrom('compute', 'upload', 'readBack');
const timed = fc.record<Timed>({ activity, nanoseconds: fc.option(fc.nat(1e6)) });

test('times add up, one that is missing makes the sum unknown, and no time is 0', () => {
  fc.assert(
    fc.property(fc.array(timed), (all) => {
      const { launches, ...times } = timesOf(all);
      expect(launches).toBe(all.filter((each) => each.activity === 'compute').length);
      for (const [activity, milliseconds] of Object.entries(times)) {
        const own = all.filter((each) => each.activity === activity).map(({ nanoseconds }) => nanoseconds);
        const total = own.reduce<number>((sum, time) => sum + (time ?? Number.NaN), 0);
        if (total > 0) expect(milliseconds).toBeCloseTo(total / 1e6, 9);
        else expect(milliseconds).toBeNull();
      }
    }),
  );
});

test('where there is no such clock, it says so', async () => {
  for (const name of ['cpu', 'simd', 'webgpu', 'webgl2'] as const) {
    expect(await clockFor(name)).toEqual({
      unavailable: expect.stringMatching(/no clock of its own|no Web(GPU|GL 2)/),
    });
  }
});

test('times that a browser rounded are known by their ticks of 65,536 ns', () => {
  const by = (source: 'awaited' | 'timestamp-query', ...milliseconds: (number | null)[]) =>
    isRounded(milliseconds.map((each) => ({ source: each === null ? null : source, milliseconds: each })));
  expect(by('timestamp-query', 0.065536, null, 0.131072)).toBe(true);
  expect(by('timestamp-query', 0.065536, 0.0662)).toBe(false);
  expect(by('awaited', 0.065536)).toBe(false);
  expect(by('timestamp-query', null)).toBe(false);
});
