import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { page } from '../../src/verify/report/html.ts';
import { judgeRun, type Run } from '../../src/verify/report/report.ts';
import { FLAGS, findChromium } from '../browser/chromium.ts';
import { reportOf, soundRun, tapOf } from './measured.ts';

const HOSTILE = `<img src=x onerror=alert(1)>"'&</style></title><script>alert(2)</script>`;
const hostileRun: Run = {
  golden: { name: HOSTILE, kind: 'trained', provenance: { [HOSTILE]: HOSTILE } },
  device: { name: 'cpu', description: HOSTILE },
  outcome: 'measured',
  reason: HOSTILE,
  seconds: 1,
  free: [
    tapOf(HOSTILE, [1, Number.NaN], [1, 2], { place: HOSTILE, operations: [HOSTILE] }),
    tapOf('logits', [1, 2], [1, 2]),
  ],
};
const absentRun: Run = {
  golden: soundRun.golden,
  device: { name: 'webgpu', description: 'not available' },
  outcome: 'unavailable',
  reason: HOSTILE,
  seconds: 0,
};

function pageOf(...runs: Run[]): string {
  return page(
    reportOf().made,
    runs.map((run) => judgeRun(run)),
  );
}

test('names and texts are escaped, and nothing comes from elsewhere', () => {
  const text = pageOf(soundRun, hostileRun, absentRun);
  expect(text).not.toMatch(/<script|<img|onerror=alert\(1\)>/i);
  expect(text).toContain('&#60;script&#62;alert(2)');
  expect(text.match(/(src|href)="(?!#|data:,")[^"]*"/g)).toBeNull();
  expect(text).not.toMatch(/url\(|@import|https?:/);
});

test('a page says what ran, what passed and where a fault enters', () => {
  const broken = { ...soundRun, free: [soundRun.free![0], tapOf('transformer.h.1.mlp', [5, 5], [1, 2])] };
  const text = pageOf(soundRun, { ...broken, device: { name: 'webasm', description: 'GPU.js webasm, 1 thread' } });
  expect(text).toContain('1 of 2 runs pass.');
  expect(text).toContain('GPU.js webasm, 2 threads');
  expect(text).toContain('GPU.js webasm, 1 thread,');
  expect(text).toContain('enters at transformer.h.1.mlp, after transformer.h.0: linear');
});

const executablePath = findChromium();
const skipped = 'the report in Chromium skipped: no Chromium found; install one or set CHROMIUM to its path';
if (!executablePath) {
  if (process.env.CI) test('the report in Chromium', () => expect.fail(skipped));
  else console.warn(skipped);
}

describe.skipIf(!executablePath)('in Chromium, from a file', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qvl-report-'));
    browser = await chromium.launch({ executablePath: executablePath!, args: FLAGS });
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  test.each(['light', 'dark'] as const)('no complaint, no request, nothing run; %s', async (colorScheme) => {
    const file = join(folder, 'report.html');
    await writeFile(file, pageOf(soundRun, hostileRun, absentRun));
    const opened = await browser.newPage({ colorScheme });
    const complaints: string[] = [];
    const requests: string[] = [];
    opened.on('console', (message) => complaints.push(message.text()));
    opened.on('pageerror', (error) => complaints.push(String(error)));
    opened.on('dialog', (dialog) => void complaints.push(dialog.message()));
    opened.on('request', (request) => requests.push(request.url()));
    await opened.goto(pathToFileURL(file).href);
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
    expect(await opened.locator('section').count()).toBe(3);
    expect(await opened.locator('figure svg path').count()).toBeGreaterThan(2);
    expect(await opened.locator('details[open]').count()).toBe(1); // the one with something over budget
    const [paper, ink] = await opened.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);
      return [backgroundColor, color].map((each) => Number(/\d+/.exec(each)?.[0]));
    });
    expect(paper > ink).toBe(colorScheme === 'light');
    const wide = await opened.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wide).toBe(0); // wide tables scroll by themselves
    await opened.close();
  });
});
