import { describe, expect, test } from 'vitest';
import type { Verdict } from '../kernels/check.ts';
import { crossingNames, longLoops } from '../kernels/traps.ts';
import { describeInBrowser } from './harness.ts';

describeInBrowser('the traps of GPU.js in a browser', (page) => {
  describe.each(['webgpu', 'webgl2'] as const)('%s', (device) => {
    const cross = (name: string) =>
      page.run({ device, module: '/test/kernels/traps.ts', name: 'cross', argument: name });

    test.each(longLoops)('loops to the end: $op, $sizes', async (argument) => {
      const work = { device, module: '/test/kernels/check.ts', name: 'checkCase', argument };
      const { ratio, text } = await page.run<Verdict>(work);
      expect(ratio, text).toBeLessThanOrEqual(1);
    });

    test.each(crossingNames)('crosses 2^24 elements: %s', async (name) => {
      // Neither side of a texture can be that long.
      if (device === 'webgl2' && name === 'a table') await expect(cross(name)).rejects.toThrow('70000');
      else expect(await cross(name)).toEqual({ wrong: 0, first: undefined });
    });
  });

  test('a WebGL context that was lost is no answer of zeros', async () => {
    const work = { device: 'null', module: '/test/browser/lost-page.ts', name: 'readLost', argument: null } as const;
    expect(await page.run(work)).toBe('GPU.js webgl2: the context was lost');
  });
});
