import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { SHIPPED } from '../../src/explorer/beside.ts';
import { answerOf } from '../answers.ts';
import { answered, asks, drags, LONG } from './asks.ts';
import { violations } from './axe.ts';
import { describeExplorer, opened } from './harness.ts';

const ANSWER = answerOf('describe');

/** The engine's thread. */
const engineOf = (page: Page) => page.workers().findLast((worker) => worker.url().includes('/assets/worker'))!;

/** Ends the engine's thread from within, which tells nobody. */
const killEngine = (page: Page): Promise<void> => engineOf(page).evaluate(() => void setTimeout(() => self.close()));

/** A folder with the files of the model, and no others. */
const folder = await mkdtemp(join(tmpdir(), 'model-'));
for (const entry of await readdir(SHIPPED.model, { withFileTypes: true })) {
  if (entry.isFile()) await copyFile(join(SHIPPED.model, entry.name), join(folder, entry.name));
}
afterAll(() => rm(folder, { recursive: true }));

describeExplorer('the page: model and engine', (explorer) => {
  test('opens a folder that is dropped or chosen, and says why another is no model while the last one stays', async () => {
    const page = await explorer.open('device=simd');
    const refused = page.getByRole('alert').filter({ hasText: 'config.json: there is no such file' });
    const named = page.locator('summary bdi').filter({ hasText: 'model-' });
    await opened(page);
    await drags(page, SHIPPED.pictures);
    await refused.waitFor();
    expect(await opened(page)).toContain('SIMD');
    await asks(page);
    await answered(page, ANSWER);
    await drags(page, folder);
    await named.waitFor();
    await page.getByText('Model:').click();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'The one that comes along' }).click();
    await named.waitFor({ state: 'detached' });
    await page.getByLabel('Folder').setInputFiles(SHIPPED.pictures);
    await refused.waitFor();
    await page.getByLabel('Folder').setInputFiles(folder);
    await named.waitFor();
    await asks(page);
    await answered(page, ANSWER);
  });

  test('opens again after its thread has ended, with pictures and question still there', async () => {
    const page = await explorer.open(`device=simd&${LONG}`);
    const ended = page.getByRole('alert').filter({ hasText: 'the engine’s thread has stopped' });
    await opened(page);
    await killEngine(page);
    await ended.waitFor();
    expect(await page.getByRole('status').filter({ hasText: 'no model' }).count()).toBe(1);
    await page.getByRole('button', { name: 'Open again' }).click();
    await opened(page);
    await asks(page);
    await page.locator('output[aria-busy=true]').waitFor();
    await killEngine(page); // while it answers
    await ended.first().waitFor();
    expect(await page.getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Open again' }).click();
    await opened(page);
    expect(await page.locator('.pictures bdi').allTextContents()).toEqual(['scene-1.png']);
    await page.getByText('Sampling').click();
    await page.getByLabel('Least tokens').fill('');
    await asks(page);
    await answered(page, ANSWER);
  });

  test('says which devices are not here, and why, and takes another', async () => {
    const page = await explorer.open('device=no-such-device');
    await opened(page);
    await engineOf(page).evaluate(() => {
      Object.defineProperty(navigator, 'gpu', { value: undefined });
      OffscreenCanvas.prototype.getContext = () => null;
    });
    await page.getByRole('combobox', { name: 'Device' }).focus();
    await page.getByLabel('Threads').selectOption('1');
    const status = page.getByRole('status');
    await status.filter({ hasText: /runs on .* 1 thread$/ }).waitFor();
    await page.getByText('No webgpu: this browser has no WebGPU (navigator.gpu is missing).').waitFor();
    await page.getByText('No webgl2: this browser gives a thread no WebGL2.').waitFor();
    expect(await page.getByRole('option').allTextContents()).toContain('webgpu (not here)');
    await page.getByRole('combobox', { name: 'Device' }).selectOption('webgl2');
    await page.getByRole('alert').filter({ hasText: 'webgl2' }).waitFor();
    await status.filter({ hasText: /runs on .* 1 thread$/ }).waitFor(); // the last one is still there
    await page.getByRole('combobox', { name: 'Device' }).selectOption('webasm');
    await status.filter({ hasText: 'webasm' }).waitFor();
    await asks(page);
    await answered(page, ANSWER);
    expect(await page.getByText('ran on').textContent()).toMatch(/^ran on .*webasm/);
  });

  test('says that there is no more memory, opens again, and has lost nothing', async () => {
    const page = await explorer.open('device=simd&threads=1');
    await opened(page);
    await engineOf(page).evaluate(() => {
      WebAssembly.Memory.prototype.grow = () => {
        throw new RangeError('WebAssembly.Memory.grow(): Unable to grow instance memory');
      };
    });
    const long = 'What is in the picture? '.repeat(60);
    await page.getByLabel('Question').fill(long);
    await asks(page);
    await page.getByRole('alert').filter({ hasText: 'no more memory' }).first().waitFor();
    expect(await page.getByLabel('Question').inputValue()).toBe(long);
    await page.getByRole('button', { name: 'Open again' }).click();
    await opened(page);
    await page.getByLabel('Question').fill('What is in the picture?');
    await asks(page);
    await answered(page, ANSWER);
  });

  test('says that a GPU device was lost, and opens again', async () => {
    const page = await explorer.open('device=simd');
    await opened(page);
    await engineOf(page).evaluate(() => {
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...how) {
        const device = await request.apply(this, how);
        setTimeout(() => device.destroy(), 1500);
        return device;
      };
    });
    await page.getByRole('combobox', { name: 'Device' }).selectOption('webgpu');
    await page.getByRole('status').filter({ hasText: 'webgpu' }).waitFor();
    await asks(page);
    await page.getByRole('alert').filter({ hasText: 'the device was lost' }).first().waitFor();
    expect(await page.locator('[type=submit]').isDisabled()).toBe(true);
    expect(await page.getByRole('button', { name: 'Open again' }).count()).toBe(1);
    await page.getByRole('combobox', { name: 'Device' }).selectOption('simd');
    await page.getByRole('status').filter({ hasText: 'SIMD' }).waitFor();
    await asks(page);
    await answered(page, ANSWER);
  });
});
