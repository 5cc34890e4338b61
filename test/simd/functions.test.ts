import { describe, expect, test } from 'vitest';
import { emitErf } from '../../kernels/simd/erf.ts';
import { emitExp } from '../../kernels/simd/exp.ts';
import { forLanes } from '../../kernels/simd/lanes.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { assemble } from '../../tensor/wasm/module.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { erf } from './erf.ts';

/** Computes a vectorised function of float32. */
function compile(emit: (code: Code, x: Local<'v128'>) => Local<'v128'>): (x: Float32Array) => Float32Array {
  const main = func('main', { x: 'i32', count: 'i32' }, (code, { x, count }) =>
    forLanes(code, 0, count, ({ load, store }) => store(x, emit(code, code.let(load(x))))),
  );
  const limits = { pages: 200, mostPages: 200, shared: false };
  const module = new WebAssembly.Module(assemble({ exports: [main], memory: limits, relaxed: false }));
  const memory = new WebAssembly.Memory({ initial: 200, maximum: 200 });
  const { exports } = new WebAssembly.Instance(module, { environment: { memory } });
  return (x) => {
    const all = new Float32Array(memory.buffer, 0, x.length);
    all.set(x);
    (exports.main as (x: number, count: number) => void)(0, x.length);
    return all.slice();
  };
}

/** The distance between two neighbouring float32 at this value. */
const ulp = (value: number): number =>
  Math.max(2 ** -149, 2 ** (Math.floor(Math.log2(Math.abs(Math.fround(value)))) - 23));

/** The worst error in ulp over these inputs; where the right result is 0 or infinite, it has to be met. */
function worst(x: Float32Array, found: Float32Array, wanted: (x: number) => number): number {
  let largest = 0;
  for (const [i, value] of x.entries()) {
    const exact = wanted(value);
    const rounded = Math.fround(exact);
    if (Object.is(found[i], rounded)) continue;
    const error = Number.isFinite(rounded) ? Math.abs(found[i] - exact) / ulp(exact) : Number.POSITIVE_INFINITY;
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

/** Every 4,099th of the 2³² float32: all exponents, both signs, subnormals, infinities and NaNs. */
const everything = new Float32Array(
  Uint32Array.from({ length: Math.floor(2 ** 32 / 4099) }, (_, i) => 4099 * i).buffer,
);

const between = (from: number, to: number, count = 500_000): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => from + ((to - from) * i) / count);

describe.each([
  // Bounds just above what was measured: 0.98 and 1.22.
  ['exp', compile(emitExp), Math.exp, [between(-104.5, 89), between(-1, 1)], 1.1],
  ['erf', compile(emitErf), erf, [between(-4.5, 4.5), between(0.8, 1.3)], 1.4],
] as const)('%s', (_name, compute, reference, ranges, bound) => {
  test.each([[everything], ...ranges.map((range) => [range])])('is right to 2 ulp (range %#)', (x) => {
    const error = worst(x, compute(x), reference);
    expect(error).toBeGreaterThan(0.4); // a table of correctly rounded results would be something else than this function
    expect(error).toBeLessThan(bound);
  });

  test('at the edges', () => {
    const largest = 3.4028234663852886e38;
    const x = Float32Array.of(0, -0, Infinity, -Infinity, NaN, largest, -largest, 2 ** -149, -(2 ** -149));
    const edges = compute(x);
    expect([...edges]).toEqual([...x].map((value) => Math.fround(reference(value))));
  });
});

test('exp ends where float32 does: between these neighbours it becomes infinite, subnormal, and 0', () => {
  const x = Float32Array.of(88.72283, 88.72284, -87.33654, -87.33655, -103.97207, -103.9721);
  const found = compile(emitExp)(x);
  expect([found[0] < Infinity, found[1], found[2] >= 2 ** -126, found[3] < 2 ** -126, found[4], found[5]]).toEqual([
    true,
    Infinity,
    true,
    true,
    2 ** -149,
    0,
  ]);
  expect(worst(x, found, Math.exp)).toBeLessThan(1.1);
});
