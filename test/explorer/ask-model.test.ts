import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { listModel, SHIPPED } from '../../src/explorer/build.ts';
import { answered, asks } from './asks.ts';
import { violations } from './axe.ts';
import { describeExplorer, opened } from './harness.ts';

const ANSWER = 'The picture shows an orange square and a purple star.';

/** Ends the engine's thread from within, which tells nobody. */
async function killEngine(page: Page): Promise<void> {
  const engine = page.workers().findLast((worker) => worker.url().includes('/assets/worker'))!;
  await engine.evaluate(() => void setTimeout(() => self.close()));
}

/** Gives a folder with copies of those files to the page's chooser. */
async function chooseFolder(page: Page, from: string, files: Iterable<string>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chosen-'));
  for (const file of files) await copyFile(join(from, file), join(folder, file));
  await page.getByLabel('Folder').setInputFiles(folder);
  await page.getByRole('status').filter({ hasText: 'opening' }).waitFor({ state: 'hidden' });
  await rm(folder, { recursive: true });
}

describeExplorer('the page: model and engine', (explorer) => {
  test('opens a folder that is chosen, and says why another is no model while the last one stays', async () => {
    const page = await explorer.open('device=simd');
    await opened(page);
    await page.getByText('Model:').click();
    await chooseFolder(page, SHIPPED.pictures, (await readdir(SHIPPED.pictures)).slice(0, 2));
    await page.getByRole('alert').filter({ hasText: 'config.json' }).waitFor();
    expect(await opened(page)).toContain('SIMD');
    await asks(page);
    await answered(page, ANSWER);
    await chooseFolder(page, SHIPPED.model, (await listModel(SHIPPED.model)).keys());
    await page.locator('summary bdi').filter({ hasText: 'chosen-' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await asks(page);
    await answered(page, ANSWER);
    await page.getByRole('button', { name: 'The one that comes along' }).click();
    await page.locator('summary', { hasText: 'the one that comes along' }).waitFor();
  });

  test('opens again after its thread has ended, with pictures and question still there', async () => {
    const page = await explorer.open('device=simd&picture=scene-7.png&question=Describe+the+picture.');
    await opened(page);
    await killEngine(page);
    await page.getByRole('alert').filter({ hasText: 'the engine’s thread has stopped' }).waitFor();
    expect(await page.getByRole('status').filter({ hasText: 'no model' }).count()).toBe(1);
    await page.getByRole('button', { name: 'Open again' }).click();
    await opened(page);
    await asks(page);
    await answered(page, 'The picture shows a green star.');
    await page.getByLabel('Repetition penalty').evaluate((field) => field.closest('details')!.setAttribute('open', ''));
    await page.getByLabel('Repetition penalty').fill('100');
    await page.getByLabel('Temperature').fill('3');
    await asks(page);
    await page.locator('output[aria-busy=true]').waitFor();
    await killEngine(page); // while it answers
    await page.getByRole('alert').filter({ hasText: 'the engine’s thread has stopped' }).first().waitFor();
    expect(await page.getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true);
  });

  test('says which device is not here, and takes another', async () => {
    const page = await explorer.open('device=no-such-device');
    await opened(page);
    await page.getByLabel('Threads').selectOption('1');
    expect(await opened(page)).toMatch(/1 thread$/);
    await page.getByRole('combobox', { name: 'Device' }).selectOption('webasm');
    await page.getByRole('status').filter({ hasText: 'webasm' }).waitFor();
    await asks(page);
    await answered(page, ANSWER);
    expect(await page.getByText('ran on').textContent()).toMatch(/^ran on .*webasm/);
  });
});
