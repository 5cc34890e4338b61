import { expect, test } from 'vitest';
import { GPU_RUNGS } from '../../bench/ladder/gpu.ts';
import type { GpuMeasured } from '../../bench/ladder/gpu-page.ts';
import { describeInBrowser } from '../browser/harness.ts';

describeInBrowser('the rungs of a GPU equal float64', (page) => {
  test.each(GPU_RUNGS.map(({ name }) => name))('%s', async (rung) => {
    const shapes = [
      { M: 5, K: 67, N: 36 },
      { M: 1, K: 40, N: 20 },
    ];
    const { runs, shader, adapter } = await page.run<GpuMeasured>({
      device: 'null',
      module: '/bench/ladder/gpu-page.ts',
      name: 'measureGpuRung',
      argument: { rung, shapes }, // which compares with float64 before it times anything
    });
    expect(runs).toHaveLength(2);
    for (const { device } of runs)
      expect(device ?? { launches: 1 }).toMatchObject({ launches: /pipeline/.test(rung) ? 2 : 1 });
    expect(shader.text).toMatch(shader.language === 'glsl' ? /texture/ : /@compute/);
    expect(adapter).not.toBe('');
  });
});
