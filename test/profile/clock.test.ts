import { expect, test } from 'vitest';
import { describeInBrowser } from '../browser/harness.ts';
import type { Clocked } from './clock-page.ts';

describeInBrowser("a GPU's own clock", (page) => {
  test.each([
    ['webgpu', 'timestamp-query'],
    ['webgl2', 'EXT_disjoint_timer_query_webgl2'],
  ])('%s', async (name, source) => {
    const { unavailable, launches, equal, restored } = await page.run<Clocked>({
      device: 'null',
      module: '/test/profile/clock-page.ts',
      name: 'clocked',
      argument: name,
    });
    if (unavailable) return console.warn(`${name}: not timed, ${unavailable}`);
    expect(launches.map(({ op, kernels }) => `${op} ${kernels}`)).toEqual([
      'linear 2',
      'rmsNorm 2',
      'add 1',
      'linear 2',
    ]);
    for (const launch of launches) {
      if (launch.milliseconds === null) expect(launch.source).toBeNull();
      else expect(launch).toMatchObject({ source, milliseconds: expect.any(Number) });
    }
    const [small, , , large] = launches.map(({ milliseconds }) => milliseconds);
    if (small !== null && large !== null) expect(large / small).toBeGreaterThan(4);
    expect(large).not.toBeNull();
    expect(equal).toBe(true);
    expect(restored).toBe(true);
  });
});
