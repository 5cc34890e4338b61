import type { Roofs } from './roofs.ts';

/** What a piece of work needs. */
export interface Work {
  readonly operations: number;
  readonly bytes: number;
}

export type Limit = 'arithmetic' | 'memory';

/** How fast work was done. What could not be measured is null, and so is what follows from it. */
export interface Rates {
  /** GFLOP/s. */
  readonly arithmetic: number | null;
  /** GB/s. */
  readonly bandwidth: number | null;
  /** Operations a byte: how high the roof is. */
  readonly intensity: number;
  /** The share of the roof that was reached: above 1, something was counted or measured wrongly. */
  readonly share: number | null;
  /** Which roof it stands under. */
  readonly limit: Limit | null;
}

export function ratesOf(work: Work, milliseconds: number | null, roofs: Roofs | undefined): Rates {
  const { operations, bytes } = work;
  const least = roofs ? leastMilliseconds(work, roofs) : null;
  return {
    arithmetic: milliseconds === null ? null : operations / milliseconds / 1e6,
    bandwidth: milliseconds === null ? null : bytes / milliseconds / 1e6,
    intensity: operations / bytes,
    share: milliseconds === null || least === null ? null : least / milliseconds,
    limit: roofs ? limitOf(work, roofs) : null,
  };
}

/**
 * The shortest time that the roofs allow, in milliseconds: for the arithmetic or for the data, whichever takes longer (Williams,
 * Waterman and Patterson 2009, "Roofline"). Null where no roof is known that matters.
 */
export function leastMilliseconds(work: Work, roofs: Roofs): number | null {
  const { operations, bytes } = work;
  const limit = limitOf(work, roofs);
  if (limit === null) return null;
  return (limit === 'arithmetic' ? operations / roofs.multiplyAdd : bytes / bandwidthOf(bytes, roofs)!) / 1e6;
}

function limitOf({ operations, bytes }: Work, roofs: Roofs): Limit | null {
  const bandwidth = bandwidthOf(bytes, roofs);
  if (bandwidth === null) return operations > 0 ? 'arithmetic' : null;
  return operations / roofs.multiplyAdd >= bytes / bandwidth ? 'arithmetic' : 'memory';
}

/** What the memory was measured with where caches were not: less than this may lie in one. */
const SWEPT_BYTES = 2 ** 26;

/**
 * GB/s at best, for data that may lie in a cache that holds all of it: caches were measured by reading all that they hold. Null
 * for what may lie in a cache that was not measured.
 */
export function bandwidthOf(bytes: number, { caches, memory }: Pick<Roofs, 'caches' | 'memory'>): number | null {
  if (caches.length === 0 && bytes < SWEPT_BYTES) return null;
  return Math.max(memory, ...caches.filter((cache) => cache.bytes >= bytes).map(({ rate }) => rate));
}

/** Of two measurements of the same roofs what is higher: a roof is what nothing exceeds. */
export const higher = (a: Roofs, b: Roofs): Roofs => ({
  device: b.device,
  multiplyAdd: Math.max(a.multiplyAdd, b.multiplyAdd),
  caches: b.caches.map(({ bytes, rate }) => ({
    bytes,
    rate: Math.max(rate, ...a.caches.filter((cache) => cache.bytes === bytes).map((cache) => cache.rate)),
  })),
  memory: Math.max(a.memory, b.memory),
  launch: Math.min(a.launch, b.launch),
  ...(a.others === undefined || b.others === undefined ? {} : { others: Math.min(a.others, b.others) }),
});
