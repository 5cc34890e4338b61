import { expect, test } from 'vitest';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { describeInBrowser } from '../browser/harness.ts';

describeInBrowser('every activation of model-a in Chromium', (page) => {
  test.each(['webgpu', 'webgl2', 'simd'] as const)('%s', async (device) => {
    const results = await page.run<TapMeasurement[]>({
      device,
      module: '/test/golden/browser-page.ts',
      name: 'compareModelA',
      argument: null,
    });
    const ratios = results.flatMap(({ exact }) => (exact ? [exact.ratio] : []));
    console.log(`model-a on ${device}: worst ${Math.max(...ratios).toFixed(3)} × PyTorch's own rounding`);
    expect(results).toHaveLength(86);
    expect(judge(results, device, 'random')).toEqual([]);
  });
});
