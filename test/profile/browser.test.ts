import { expect, test } from 'vitest';
import { describeInBrowser } from '../browser/harness.ts';
import type { ProfiledInPage } from './profile-page.ts';
import { decodeTrace } from './trace-decoder.ts';

describeInBrowser('a profile in Chromium', (page) => {
  const profiled = (name: string) =>
    page.run<ProfiledInPage>({
      device: 'null',
      module: '/test/profile/profile-page.ts',
      name: 'profileModelA',
      argument: name,
    });

  test.each(['simd', 'webgpu'])('%s', async (name) => {
    const { launches, tokens, trace, html, unavailable } = await profiled(name);
    expect(launches.length).toBeGreaterThan(40);
    expect(tokens).toHaveLength(2);
    const source = name === 'simd' ? 'awaited' : 'timestamp-query';
    for (const { milliseconds, source: found } of launches) expect(found).toBe(milliseconds === null ? null : source);
    const measured = launches.filter(({ milliseconds }) => milliseconds !== null).length;
    // A page's clock has ticks of 5 µs, or of 100: what is shorter is not known.
    if (name === 'webgpu' && unavailable) expect(measured).toBe(0);
    else if (name === 'webgpu') expect(measured).toBe(launches.length);
    expect(decodeTrace(trace)).toHaveLength(3);
    expect(html).toContain('<h2>Roofline</h2>');
  });
});
