import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { besidePage, SHIPPED } from '../src/explorer/beside.ts';
import { buildPage } from '../src/explorer/build.ts';
import { servePage } from '../src/explorer/server.ts';
import { answerOf } from '../test/answers.ts';
import { FLAGS, findChromium } from '../test/browser/chromium.ts';
import { summary, type Timing } from './measure.ts';

/** One visit to the page, from its address to the first answer: milliseconds, and bytes that were sent. */
export interface Visit {
  readonly firstPaint: number;
  readonly modelOpen: number;
  readonly firstAnswer: number;
  /** The longest that the page's own thread was busy at a time while the model ran; 0 where that was never 50 ms. */
  readonly longestTask: number;
  /** Processor time of the page's own thread, and of all its threads with the model's: other programs hardly change them. */
  readonly pageThread: number;
  readonly allThreads: number;
  readonly scriptBytes: number;
  readonly allBytes: number;
}

/** What the small model says of the first picture. */
const ANSWER = answerOf('describe');

/** @param page a new one */
export async function visit(page: Page, address: string): Promise<Visit> {
  let [scriptBytes, allBytes] = [0, 0];
  page.on('response', (response) => {
    const bytes = Number(response.headers()['content-length'] ?? 0);
    allBytes += bytes;
    if (/\.(js|css)$/.test(new URL(response.url()).pathname)) scriptBytes += bytes;
  });
  const inspector = await page.context().newCDPSession(page);
  await inspector.send('Performance.enable');
  const hash = new URLSearchParams({ device: 'simd', picture: 'scene-1.png', question: 'What is in the picture?' });
  await page.goto(`${address}#${hash}`);
  await page.getByRole('status').filter({ hasText: 'runs on' }).waitFor();
  const modelOpen = await page.evaluate(() => performance.now());
  await page.evaluate(() => {
    const seen = { longest: 0 };
    Object.assign(globalThis, { seen });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest, duration);
    }).observe({ type: 'longtask' });
  });
  await page.locator('[type=submit]').click();
  await page.locator('output', { hasText: ANSWER }).waitFor();
  const [firstAnswer, firstPaint, longestTask] = await page.evaluate(() => [
    performance.now(),
    performance.getEntriesByName('first-contentful-paint')[0].startTime,
    (globalThis as typeof globalThis & { seen: { longest: number } }).seen.longest,
  ]);
  const { metrics } = await inspector.send('Performance.getMetrics');
  const [pageThread, allThreads] = ['ThreadTime', 'ProcessTime'].map(
    (wanted) => 1000 * metrics.find(({ name }) => name === wanted)!.value,
  );
  return { firstPaint, modelOpen, firstAnswer, longestTask, pageThread, allThreads, scriptBytes, allBytes };
}

/** The page from its address to the first answer, each visit in a browser's window of its own. */
export type ExplorerResult = {
  readonly [name in Exclude<keyof Visit, `${string}Bytes`>]: Timing;
} & {
  readonly scriptBytes: number;
  /** With what is fetched to be kept for when there is no network. */
  readonly allBytes: number;
  /** What the first start takes beside others. */
  readonly buildMilliseconds: number;
};

/** @throws Error where there is no Chromium */
export async function benchExplorer(runs: number): Promise<ExplorerResult> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('no Chromium found; install one or set CHROMIUM to its path');
  const folder = await mkdtemp(join(tmpdir(), 'explorer-bench-'));
  const begin = performance.now();
  await buildPage(folder);
  const buildMilliseconds = performance.now() - begin;
  const server = await servePage(folder, SHIPPED.model, 0);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const visits: Visit[] = [];
    for (let i = 0; i < runs; i++) {
      const context = await browser.newContext({ serviceWorkers: 'block' });
      visits.push(await visit(await context.newPage(), server.address));
      await context.close();
    }
    const of = (name: keyof Visit): Timing => summary(visits.map((each) => each[name]));
    return {
      ...{ firstPaint: of('firstPaint'), modelOpen: of('modelOpen'), firstAnswer: of('firstAnswer') },
      ...{ longestTask: of('longestTask'), pageThread: of('pageThread'), allThreads: of('allThreads') },
      ...{ scriptBytes: of('scriptBytes').most, buildMilliseconds },
      allBytes: await keptBytes(folder),
    };
  } finally {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true });
  }
}

/** Bytes of all files of the page, and of the model beside it. */
export async function keptBytes(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  const model = [...(await besidePage(SHIPPED.model)).get('model')!.values()].map(({ bytes }) => bytes);
  return [...sizes, ...model].reduce((sum, size) => sum + size, 0);
}
