import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { profilePage } from '../../src/profile/html.ts';
import { profileJson } from '../../src/profile/json.ts';
import { bandwidthOf, higher, leastMilliseconds, ratesOf } from '../../src/profile/rates.ts';
import { groupBy, groupOf, impossible, partsOf } from '../../src/profile/summary.ts';
import { profileLines } from '../../src/profile/table.ts';
import { digits, milliseconds, percent, scaled } from '../../src/profile/text.ts';
import { context, launchOf, passOf, profileOf, roofs } from './sample.ts';

test('rates follow from the work and its time', () => {
  expect(ratesOf({ operations: 2e6, bytes: 1e5 }, 0.5, roofs)).toEqual({
    arithmetic: 4,
    bandwidth: 0.2,
    intensity: 20,
    share: 0.04,
    limit: 'arithmetic',
  });
  expect(ratesOf({ operations: 0, bytes: 1e6 }, 1, roofs)).toMatchObject({
    arithmetic: 0,
    share: 0.1,
    limit: 'memory',
  });
});

test('data have the roof of the smallest cache that holds them, and none where caches were not measured', () => {
  expect([1, 1000, 1001, 100_000, 100_001].map((bytes) => bandwidthOf(bytes, roofs))).toEqual([50, 50, 20, 20, 10]);
  const uncached = { ...roofs, caches: [] };
  expect(bandwidthOf(1000, uncached)).toBeNull();
  expect(bandwidthOf(2 ** 27, uncached)).toBe(10);
  expect(ratesOf({ operations: 0, bytes: 1000 }, 1, uncached)).toMatchObject({ share: null, limit: null });
  expect(ratesOf({ operations: 10, bytes: 1000 }, 1, uncached)).toMatchObject({ limit: 'arithmetic' });
});

test('what could not be measured is null, with all that follows from it, and never 0', () => {
  const unknown = launchOf(1, { milliseconds: null, source: null });
  expect(ratesOf(unknown, null, roofs)).toMatchObject({ arithmetic: null, bandwidth: null, share: null });
  const group = groupOf('both', [unknown, launchOf(3)], roofs);
  expect(group).toMatchObject({ launches: 2, operations: 2e6, milliseconds: null, arithmetic: null, share: null });
  const [first] = JSON.parse(profileJson(context, profileOf(unknown))).stepwise.launches;
  expect(first).toMatchObject({ milliseconds: null, source: null, arithmetic: null, bandwidth: null, share: null });
  expect(first.inputs).toEqual([[2, 3], [4, 3], null]);
  expect(profileLines(profileOf(unknown), roofs, 'in all').join('\n')).toMatch(/linear +1 +– +– +1.00 MFLOP/);
});

test('a group has the time that its launches are allowed, one by one', () => {
  const arithmetic = launchOf(1); // 0.01 ms are allowed
  const memory = launchOf(3, { operations: 0, bytes: 1e6 }); // 0.1 ms
  expect(leastMilliseconds(arithmetic, roofs)).toBeCloseTo(0.01);
  expect(groupOf('both', [arithmetic, memory], roofs)).toMatchObject({ share: 0.055, limit: 'memory' });
  const groups = groupBy([arithmetic, memory, launchOf(5)], ({ operations }) => String(operations), roofs);
  expect(groups.map(({ name, milliseconds: time }) => `${name} ${time}`)).toEqual(['1000000 2', '0 1']);
});

test('more than a roof allows is an accounting error', () => {
  const fast = launchOf(1, { milliseconds: 0.005, tap: 'transformer.h.0.attn' });
  const pass = passOf('stepwise', [fast, launchOf(3)]);
  expect(impossible(pass, roofs)).toEqual([fast]);
  expect(impossible(pass, undefined)).toEqual([]);
  const text = profileLines(profileOf(fast, launchOf(3)), roofs, 'in all').join('\n');
  expect(text).toContain('ACCOUNTING ERROR: 1 launches above a roof');
  expect(text).toContain('linear transformer.h.0.attn [2×4]: 200 % arithmetic');
  expect(profileLines(profileOf(launchOf(3)), roofs, 'in all').join('\n')).not.toContain('ACCOUNTING');
  const busy = profileLines(profileOf(fast), { ...roofs, others: 0.8 }, 'in all').join('\n');
  expect(busy).toContain('1 launches above a roof: other programs took 80 % of the processors while it was measured');
  expect(busy).not.toContain('ACCOUNTING');
});

test('the first call is told apart, and is never less than nothing', () => {
  const profile = profileOf(launchOf(1));
  const line = (milliseconds: number) => {
    const text = profileLines({ ...profile, first: { ...profile.first, milliseconds } }, roofs, 'in all');
    return text.find((line) => line.startsWith('first call'));
  };
  expect(line(25.5)).toMatch(/^first call: 5.500 ms more than later ones/);
  for (const faster of [20, 12.5]) expect(line(faster)).toBe('first call: no slower than later ones');
  const page = profilePage(context, { ...profile, first: { ...profile.first, milliseconds: 12.5 } });
  expect(page).toContain('The first pass of all was no slower.');
});

test('parts of one name are one, and their parts add up', () => {
  const steps = [launchOf(11, { part: 'decode' }), launchOf(17, { part: 'decode' })];
  const parts = partsOf(passOf('stepwise', [launchOf(2), ...steps]));
  expect(parts.map(({ name, times, milliseconds: time }) => `${name} ${times} ${time}`)).toEqual([
    'image 1 1',
    'prefill 1 9',
    'decode 2 10',
  ]);
  for (const { milliseconds: time, kernels, launching, uploads, reads, between } of parts) {
    expect(kernels + launching + uploads + reads + between).toBeCloseTo(time, 12);
  }
  expect(parts[1]).toMatchObject({ kernels: 1, launching: 0.001, uploads: 0.25, reads: 0 });
});

test('a list that a read waits for is kernels, not reading', () => {
  const pass = {
    ...passOf('fused', []),
    transfers: [{ part: 'prefill', kind: 'read' as const, label: 'argmax', bytes: 4, start: 5, milliseconds: 3 }],
    lists: [
      { part: 'prefill', start: 5.5, milliseconds: 2 },
      { part: 'prefill', start: 2, milliseconds: 1 },
    ],
  };
  expect(partsOf(pass)[1]).toMatchObject({ kernels: 3, reads: 1, between: 5 });
});

test('of two measurements the higher roof counts', () => {
  const lower = { ...roofs, multiplyAdd: 50, memory: 20, caches: [{ bytes: 1000, rate: 60 }], launch: 0.005 };
  const expected = { multiplyAdd: 100, memory: 20, caches: [{ bytes: 1000, rate: 60 }], launch: 0.005 };
  expect(higher(roofs, lower)).toMatchObject(expected);
  expect(higher(lower, roofs).caches).toEqual([
    { bytes: 1000, rate: 60 },
    { bytes: 100_000, rate: 20 },
  ]);
});

test('numbers are written for people', () => {
  expect([0.00123456, 12.3456, 1234.5, 0, null].map((value) => digits(value))).toEqual([
    '0.00123',
    '12.3',
    '1235',
    '0',
    '–',
  ]);
  expect([0.1234, 12.345, 123.45, null].map(milliseconds)).toEqual(['0.123', '12.35', '123.5', '–']);
  expect([0.0123, 0.5, null, Number.NaN].map(percent)).toEqual(['1.2 %', '50 %', '–', '–']);
  expect([12, 1234567, 2e9].map((value) => scaled(value, 'B'))).toEqual(['12.0 B', '1.23 MB', '2.00 GB']);
  fc.assert(fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (value) => /^[\d.]+$/.test(digits(value))));
});
