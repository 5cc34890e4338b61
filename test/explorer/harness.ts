import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SHIPPED } from '../../src/explorer/beside.ts';
import { builtPage } from '../../src/explorer/built.ts';
import { type PageServer, servePage } from '../../src/explorer/server.ts';
import { FLAGS, findChromium, PATIENCE } from '../browser/chromium.ts';

/** The explorer in a browser, as its tests use it. */
export interface Explorer {
  /**
   * Opens the page.
   *
   * @param hash its state, as the address has it behind the #
   * @param address of another host
   * @param options of a window of its own: its width, a camera, a service worker …
   */
  open(hash?: string, options?: BrowserContextOptions, address?: string): Promise<Page>;
  /** Where it is served. */
  readonly address: string;
}

/** The page with a camera that shows a test picture. */
const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

/**
 * Tests of the built page with real clicks in Chromium: skipped, in one line that says so, where there is none, except on a
 * continuous-integration machine, where they fail. After each test, any error in the console and any request that failed is a failure.
 *
 * @param flags more of the browser's
 */
export function describeExplorer(
  name: string,
  tests: (explorer: Explorer) => void,
  flags: readonly string[] = [],
): void {
  const executablePath = findChromium();
  if (!executablePath) {
    const message = `${name} skipped: no Chromium found; install one or set CHROMIUM to its path`;
    if (process.env.CI) test(name, () => expect.fail(message));
    else console.warn(message);
  }
  describe.skipIf(!executablePath)(name, () => {
    let server: PageServer;
    let browser: Browser;
    const problems: string[] = [];
    beforeAll(async () => {
      server = await servePage(await builtPage(), SHIPPED.model, 0);
      browser = await chromium.launch({ executablePath: executablePath!, args: [...FLAGS, ...CAMERA, ...flags] });
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
      expect(problems.splice(0)).toEqual([]);
    });
    tests({
      get address() {
        return server.address;
      },
      async open(hash = '', options = {}, address = server.address) {
        const context = await browser.newContext({ serviceWorkers: 'block', ...options });
        context.setDefaultTimeout(PATIENCE);
        const page = await context.newPage();
        page.on('console', (message) => {
          if (message.type() === 'error') problems.push(`console: ${message.text()}`);
        });
        page.on('pageerror', (error) => problems.push(`error: ${error}`));
        page.on('requestfailed', (request) => {
          // What a page still fetches when it is loaded again, or left, is given up: nothing failed.
          if (request.failure()?.errorText !== 'net::ERR_ABORTED') problems.push(`failed: ${request.url()}`);
        });
        await page.goto(`${address}#${hash}`);
        return page;
      },
    });
  });
}

/** Waits until a model runs. @returns what the badge says */
export async function opened(page: Page): Promise<string> {
  const badge = page.getByRole('status').filter({ hasText: 'runs on' });
  await badge.waitFor();
  return (await badge.textContent())!;
}
