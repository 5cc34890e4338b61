import * as fc from 'fast-check';
import { expect } from 'vitest';
import { CheckpointError } from '../../src/error.ts';

/** Bytes with some of them changed and perhaps the end cut off; changes prefer the places where structure stands. */
export function damaged(original: Uint8Array, ...regions: [start: number, end: number][]): fc.Arbitrary<Uint8Array> {
  const places = [[0, original.length] as const, ...regions].map(([start, end]) =>
    fc.integer({ min: start, max: Math.min(end, original.length) - 1 }),
  );
  const value = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff));
  const changes = fc.array(fc.tuple(fc.oneof(...places), value), { maxLength: 6 });
  return fc.tuple(changes, fc.option(fc.nat(original.length), { freq: 4 })).map(([list, length]) => {
    const bytes = original.slice();
    for (const [at, byte] of list) bytes[at] = byte;
    return bytes.subarray(0, length ?? bytes.length);
  });
}

/** Does something with what may be damaged: it works, or throws a CheckpointError of one line. */
export async function survives(work: () => unknown): Promise<'read' | 'refused'> {
  try {
    await work();
    return 'read';
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as Error).message).toMatch(/^[^\p{Cc}\u2028\u2029]*$/u);
    return 'refused';
  }
}
