import type { Fingerprint } from '../../src/verify/full-size/fingerprint.ts';

/** The fingerprint of a tap from its definition in golden/EXPORT.md: plain sums in float64. */
export function fingerprintOf(tap: string, shape: readonly number[], values: ArrayLike<number>): Fingerprint {
  const all = Array.from(values);
  const sum = (term: (value: number) => number) => all.reduce((total, value) => total + term(value), 0);
  const mean = sum((value) => value) / all.length;
  const start = fnv1a(`sample:${tap}`);
  const index = Array.from({ length: 256 }, (_, j) => {
    const hash = fmix32((Math.imul(j, 0x9e3779b1) + start) >>> 0);
    return Number((BigInt(hash) * BigInt(all.length)) >> 32n); // beyond 2⁵³, a float64 would round it
  });
  return {
    shape,
    mean,
    std: Math.sqrt(sum((value) => (value - mean) ** 2) / all.length),
    absmax: all.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    l2: Math.sqrt(sum((value) => value * value)),
    index,
    value: index.map((at) => all[at]),
  };
}

function fnv1a(text: string): number {
  return new TextEncoder().encode(text).reduce((state, byte) => Math.imul(state ^ byte, 0x01000193), 0x811c9dc5) >>> 0;
}

function fmix32(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
