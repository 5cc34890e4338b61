import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';
import { FLAGS, PATIENCE } from './chromium.ts';
import type { Work } from './page.ts';

/** A page of the project in Chromium, served from its sources. */
export interface BrowserPage {
  run<Result>(work: Work): Promise<Result>;
}

/** Starts a browser and a server of its own for the page. */
export async function openPage(executablePath: string): Promise<BrowserPage & { close(): Promise<void> }> {
  const undo: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const cacheDir = await mkdtemp(join(tmpdir(), 'browser-test-')); // of its own: several servers may run at once
    undo.push(() => rm(cacheDir, { recursive: true }));
    const server = await createServer({
      root: fileURLToPath(new URL('../..', import.meta.url)),
      configFile: false,
      cacheDir,
      logLevel: 'error',
      // A dependency that is found late reloads the page under the test: those that pages use are listed.
      // The decoders find their WebAssembly beside their script, so they stay where they are.
      optimizeDeps: {
        noDiscovery: true,
        include: ['gpu.js', 'fast-check', 'fast-png', '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs'],
        exclude: ['@jsquash/jpeg', '@jsquash/webp'],
      },
      server: {
        host: '127.0.0.1',
        hmr: false,
        watch: null,
        // What a page needs for shared memory, so that `webasm` can have threads.
        headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
      },
    });
    undo.push(() => server.close());
    await server.listen();
    const browser = await chromium.launch({ executablePath, args: FLAGS });
    undo.push(() => browser.close());
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(new URL('test/browser/index.html', server.resolvedUrls!.local[0]).href);
    await page.waitForFunction(() => 'run' in window);
    undo.push(() => page.evaluate(() => window.closeDevices()));
    return {
      run: <Result>(work: Work) => page.evaluate((sent) => window.run(sent), work) as Promise<Result>,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
