import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { profilePage } from '../../src/profile/html.ts';
import { FLAGS, findChromium } from '../browser/chromium.ts';
import { context, launchOf, profileOf } from './sample.ts';

const HOSTILE = `<img src=x onerror=alert(1)>"'&</style></title><script>alert(2)</script>`;
const hostile = launchOf(1.5, {
  op: HOSTILE,
  path: HOSTILE,
  tap: HOSTILE,
  kernels: [{ name: HOSTILE, start: 1.6, milliseconds: 0.1 }],
});
const fast = launchOf(3, { milliseconds: 0.001 });
const unknown = launchOf(5, { milliseconds: null, source: null });
const copy = launchOf(7, { op: 'columns', operations: 0, tap: null });
const page = profilePage(
  { ...context, work: { question: HOSTILE, prompt: 42 }, model: HOSTILE, machine: HOSTILE },
  profileOf(hostile, fast, unknown, copy, launchOf(11, { part: 'decode', bytes: 2e6 })),
);

test('names and texts are escaped, and nothing comes from elsewhere', () => {
  expect(page).not.toMatch(/<script|<img|onerror=alert\(1\)>/i);
  expect(page).toContain('&#60;script&#62;alert(2)');
  expect(page.match(/(src|href)="(?!#|data:,")[^"]*"/g)).toBeNull();
  expect(page).not.toMatch(/url\(|@import|https?:/);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

test('a page says what is wrong, and where nothing was measured', () => {
  expect(page).toContain('<b>Accounting error:</b> 1 launches stand above a roof');
  expect(page).toContain('class="error"');
  const plain = profilePage({ ...context, roofs: undefined }, profileOf(launchOf(2)));
  expect(plain).toContain('The roofs of this machine were not measured.');
  expect(plain).not.toContain('Accounting error');
  expect(plain).not.toMatch(/NaN|undefined|Infinity/);
});

const executablePath = findChromium();
const skipped = 'the profile in Chromium skipped: no Chromium found; install one or set CHROMIUM to its path';
if (!executablePath) {
  if (process.env.CI) test('the profile in Chromium', () => expect.fail(skipped));
  else console.warn(skipped);
}

describe.skipIf(!executablePath)('in Chromium, from a file', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qvl-profile-'));
    browser = await chromium.launch({ executablePath: executablePath!, args: FLAGS });
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  test.each(['light', 'dark'] as const)('no complaint, no request, nothing run; %s', async (colorScheme) => {
    const file = join(folder, 'profile.html');
    await writeFile(file, page);
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
    // What does no operations, and what was not measured, has no place in the plot.
    expect(await opened.locator('svg.roofline circle').count()).toBe(2);
    expect(await opened.locator('svg.roofline line.roof').count()).toBe(4);
    expect(await opened.locator('details').count()).toBe(2);
    const wide = await opened.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wide).toBe(0); // wide tables scroll by themselves
    await opened.close();
  });
});
