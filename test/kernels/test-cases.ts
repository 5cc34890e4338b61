import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Sizes, sizesOf } from './case.ts';
import { cases } from './cases.ts';
import type { Verdict } from './check.ts';

/** One test for each operation, on `runs` ragged sizes; `check` runs an example somewhere. */
export function testCases(runs: number, check: (example: { op: string; sizes: Sizes }) => Promise<Verdict>): void {
  test.each(cases)('$op', async (wanted) => {
    await fc.assert(
      fc.asyncProperty(sizesOf(wanted), async (sizes) => {
        const { ratio, text, alive, bytes } = await check({ op: wanted.op, sizes });
        expect(ratio, text).toBeLessThanOrEqual(1);
        expect({ alive, bytes }).toEqual({ alive: 0, bytes: 0 });
      }),
      { numRuns: runs },
    );
  });
}
