import * as fc from 'fast-check';
import type { ProfileContext } from '../../src/profile/json.ts';
import type { Profile } from '../../src/profile/profile.ts';
import type { LaunchRecord, PassRecord } from '../../src/profile/record.ts';
import type { Roofs } from '../../src/profile/roofs.ts';

export const roofs: Roofs = {
  device: 'a device',
  multiplyAdd: 100,
  caches: [
    { bytes: 1000, rate: 50 },
    { bytes: 100_000, rate: 20 },
  ],
  memory: 10,
  launch: 0.01,
};

/** A launch of 1 MFLOP and 100 kB in 1 ms: 1 GFLOP/s, where 100 kB within 5 µs and 1 MFLOP within 10 µs are possible. */
export const launchOf = (start: number, more: Partial<LaunchRecord> = {}): LaunchRecord => ({
  part: 'prefill',
  op: 'linear',
  path: 'transformer.h.0',
  tap: 'transformer.h.0.mlp',
  inputs: [[2, 3], [4, 3], undefined],
  shape: [2, 4],
  operations: 1e6,
  bytes: 1e5,
  launching: { start: start / 100, milliseconds: 0.001 },
  awaited: { start, milliseconds: 1 },
  milliseconds: 1,
  source: 'awaited',
  kernels: [{ name: 'product', start: start + 0.1, milliseconds: 0.8 }],
  ...more,
});

const time = fc.double({ min: 0, max: 20, noNaN: true });
const span = fc.record({
  start: time,
  milliseconds: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true })),
});

/** Launches at times that no clock would give: they overlap, and their kernels lie anywhere. */
export const anyLaunch: fc.Arbitrary<LaunchRecord> = fc
  .record({
    awaited: span,
    launching: span,
    kernels: fc.array(fc.record({ name: fc.constant('k'), start: time, milliseconds: time }), { maxLength: 3 }),
    path: fc.constantFrom('a', 'b', ''),
  })
  .map((more) => launchOf(0, more));

export const passOf = (kind: PassRecord['kind'], launches: readonly LaunchRecord[]): PassRecord => ({
  kind,
  milliseconds: 20,
  parts: [
    { name: 'image', start: 0, milliseconds: 1 },
    { name: 'prefill', start: 1, milliseconds: 9 },
    { name: 'decode', start: 10, milliseconds: 6 },
    { name: 'decode', start: 16, milliseconds: 4 },
  ],
  launches,
  transfers: [{ part: 'prefill', kind: 'upload', label: 'token ids', bytes: 8, start: 1.5, milliseconds: 0.25 }],
  lists: [],
});

export function profileOf(...launches: LaunchRecord[]): Profile {
  const [stepwise, fused] = [passOf('stepwise', launches), passOf('fused', launches)];
  return { first: stepwise, stepwise, fused, unwatched: passOf('unwatched', []), runs: 3, tokens: [5, 7] };
}

export const context: ProfileContext = {
  made: { date: '2024-01-01', project: 'qwen-vl-ts 0', runtime: 'Node', system: 'linux' },
  machine: 'a machine',
  device: { name: 'simd', description: 'WebAssembly SIMD, 2 threads' },
  roofs,
  model: 'golden/tiny',
  work: { question: 'What is it?', prompt: 42 },
};
