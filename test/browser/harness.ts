import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium } from './chromium.ts';
import { type BrowserPage, openPage } from './open-page.ts';

/**
 * Tests that run in a browser: skipped, in one line that says so, where there is none, except on a continuous-integration
 * machine, where they fail. Any module of the project can be run in the page: see `Work`.
 *
 * @param tests defines the tests; `page` can be used inside them
 */
export function describeInBrowser(name: string, tests: (page: BrowserPage) => void): void {
  const executable = findChromium();
  if (!executable) {
    const message = `${name} skipped: no Chromium found; install one or set CHROMIUM to its path`;
    if (process.env.CI) test(name, () => expect.fail(message));
    else console.warn(message);
  }
  describe.skipIf(!executable)(name, () => {
    let opened: Awaited<ReturnType<typeof openPage>> | undefined;
    beforeAll(async () => {
      opened = await openPage(executable!);
    });
    afterAll(() => opened?.close());
    tests({ run: (work) => opened!.run(work) });
  });
}
