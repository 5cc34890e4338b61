import { expect, test } from 'vitest';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { describeInBrowser } from '../browser/harness.ts';

describeInBrowser('every gradient of grad-e in Chromium', (page) => {
  test.each(['webgpu', 'webgl2'] as const)('%s', async (device) => {
    const { results, left } = await page.run<{ results: TapMeasurement[]; left: number }>({
      device,
      module: '/test/train/browser-page.ts',
      name: 'compareGradE',
      argument: null,
    });
    const ratios = results.flatMap(({ exact }) => (exact ? [exact.ratio] : []));
    console.log(`grad-e on ${device}: worst ${Math.max(...ratios).toFixed(3)} × PyTorch's own rounding`);
    expect(results).toHaveLength(96);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(10);
    expect(judge(results, device, 'gradient')).toEqual([]);
    expect(left).toBe(0);
  });
});
