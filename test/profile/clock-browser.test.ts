import { expect, test } from 'vitest';
import { describeInBrowser } from '../browser/harness.ts';
import type { BrowserPage } from '../browser/open-page.ts';
import type { Clocked, Profiled } from './clock-page.ts';

const devices = [
  ['webgpu', 'timestamp-query'],
  ['webgl2', 'EXT_disjoint_timer_query_webgl2'],
] as const;

/** Runs a function of the page's module; says so where the device has no clock. */
async function run<Result extends object>(
  page: BrowserPage,
  name: string,
  device: string,
): Promise<Result | undefined> {
  const module = '/test/profile/clock-page.ts';
  const result = await page.run<Result | { unavailable: string }>({ device: 'null', module, name, argument: device });
  if (!('unavailable' in result)) return result;
  console.warn(`${device}: not timed, ${result.unavailable}`);
  return undefined;
}

// All that are open in a page share one device, which has timestamps only if a clock was there before it: each gets a page.
describeInBrowser("a GPU's own clock", (page) => {
  test.each(devices)('%s: each operation of a profile has its time, and nothing else changes', async (name, source) => {
    const result = await run<Profiled>(page, 'profiled', name);
    if (!result) return;
    const { launches, equal, restored } = result;
    expect(launches.map(({ op, kernels }) => `${op} ${kernels}`)).toEqual([
      'linear 2',
      'rmsNorm 2',
      'add 1',
      'linear 2',
    ]);
    for (const { milliseconds, source: by } of launches) {
      expect(by).toBe(milliseconds === null ? null : source);
      if (milliseconds !== null) expect(milliseconds).toBeGreaterThan(0);
    }
    expect(launches.at(-1)!.milliseconds).not.toBeNull();
    expect(equal).toBe(true);
    expect(restored).toBe(true);
  });
});

describeInBrowser('what a GPU does, apart', (page) => {
  test.each(devices)('%s', async (name) => {
    const result = await run<Record<string, Clocked>>(page, 'clocked', name);
    if (!result) return;
    const { upload, small, large, several, read, nothing } = result;
    for (const { times, kernels, wall } of [small, large, several, read, nothing]) {
      expect(times.launches).toBe(kernels);
      const spent = [times.compute, times.upload, times.readBack].filter((time) => time !== null);
      for (const time of spent) expect(time).toBeGreaterThan(0);
      expect(spent.reduce((sum, time) => sum + time, 0)).toBeLessThanOrEqual(wall);
    }
    expect(upload.times).toMatchObject({ upload: expect.any(Number), readBack: null, launches: 1 }); // GPU.js copies it
    expect(read.times).toMatchObject({ compute: null, upload: null, readBack: expect.any(Number) });
    expect(nothing.times).toEqual({ compute: null, upload: null, readBack: null, launches: 0 });
    for (const { times } of [small, large, several]) expect(times).toMatchObject({ upload: null, readBack: null });
    expect(large.times.compute! / small.times.compute!).toBeGreaterThan(4);
    expect(several.times.compute!).toBeGreaterThan(large.times.compute! / 2);
  });

  test('on a device that was there before the clock launches are counted, and none has a time', async () => {
    const result = await run<Record<string, Clocked>>(page, 'tooLate', 'webgpu');
    if (!result) return;
    const { large, several } = result;
    for (const { times, kernels } of [large, several]) {
      expect(times).toEqual({ compute: null, upload: null, readBack: null, launches: kernels });
    }
    expect(large.wall).toBeGreaterThan(10); // it is waited for nevertheless
  });
});
