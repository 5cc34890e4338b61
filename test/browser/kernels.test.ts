import { describe } from 'vitest';
import type { Verdict } from '../kernels/check.ts';
import { testCases } from '../kernels/test-cases.ts';
import { describeInBrowser } from './harness.ts';

describeInBrowser('the kernels in a browser', (page) => {
  describe.each(['webgpu', 'webgl2'] as const)('%s equals the equations', (device) => {
    testCases(20, (argument) =>
      page.run<Verdict>({ device, module: '/test/kernels/check.ts', name: 'checkCase', argument }),
    );
  });
});
