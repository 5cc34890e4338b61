import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { traceEvents } from '../../src/profile/trace-events.ts';
import { FLAGS, findChromium } from '../browser/chromium.ts';
import { launchOf, profileOf } from './sample.ts';

const APP = join(dirname(createRequire(import.meta.url).resolve('speedscope/package.json')), 'dist/release/index.html');

const executablePath = findChromium();
const skipped = 'a trace in speedscope skipped: no Chromium found; install one or set CHROMIUM to its path';
if (!executablePath) {
  if (process.env.CI) test('a trace in speedscope', () => expect.fail(skipped));
  else console.warn(skipped);
}

describe.skipIf(!executablePath)('speedscope', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qvl-trace-'));
    browser = await chromium.launch({ executablePath: executablePath!, args: FLAGS });
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  /** Opens a file as its command line does: a script that hands over the text. What it says, and what it shows. */
  async function open(text: string): Promise<{ said: string[]; shown: string }> {
    const script = join(folder, 'profile.js');
    const base64 = Buffer.from(text).toString('base64');
    await writeFile(script, `speedscope.loadFileFromBase64("trace.json", ${JSON.stringify(base64)})`);
    const page = await browser.newPage();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('dialog', (dialog) => {
      said.push(dialog.message());
      void dialog.dismiss();
    });
    await page.goto(`${pathToFileURL(APP).href}#localProfilePath=${script}`);
    await expect.poll(() => said.some((line) => /^import|rror|recognized/.test(line))).toBe(true);
    const shown = await page.evaluate(() => document.body.innerText);
    await page.close();
    return { said, shown };
  }

  test('reads a trace, and shows its passes', async () => {
    const profile = profileOf(launchOf(1), launchOf(3, { path: 'transformer.h.1' }), launchOf(9, { part: 'decode' }));
    const { said, shown } = await open(JSON.stringify(traceEvents(profile, 'a device')));
    expect(said).toContain('Importing as Trace Event Format profile');
    expect(said.filter((line) => /rror|warn|unbalanced|ignor/i.test(line))).toEqual([]);
    expect(shown).toContain('stepwise: every operation awaited');
  });

  test('refuses what is none, so that reading one says something', async () => {
    const { said } = await open('{"traceEvents": 7}');
    expect(said).not.toContain('Importing as Trace Event Format profile');
  });
});
