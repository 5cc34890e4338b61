import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { loadModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { compareGolden } from '../../src/verify/compare.ts';
import { readReport } from '../../src/verify/report/read-report.ts';
import { judgeRun } from '../../src/verify/report/report.ts';
import { closeDevice } from '../../tensor/device.ts';
import { CASES, openCase } from '../golden/cases.ts';
import { violations } from './axe.ts';
import { describeExplorer } from './harness.ts';

/** What the table must show of model-e on `cpu`, running free: measured in Node. */
async function measuredHere(): Promise<string[][]> {
  const { golden, checkpoint, close } = await openCase(CASES.find(({ name }) => name === 'model-e')!);
  const { device } = await openDevice('cpu');
  const results = await compareGolden(loadModel(device, checkpoint.config, checkpoint.load), golden);
  await closeDevice(device);
  await close();
  return results.map(({ name, exact }) => [name, exact ? `${exact.ratio.toFixed(3)} ×` : '%']);
}

describeExplorer('the page: verify', (explorer) => {
  test('shows each activation as Node measures it, and what a device lacks', async () => {
    const page = await explorer.open('', {}, 'about:blank');
    // A browser without WebGPU.
    await page.route('**/assets/worker-*.js', async (route) => {
      const response = await route.fetch();
      const body = `Object.defineProperty(navigator, 'gpu', { value: undefined });${await response.text()}`;
      await route.fulfill({ response, body });
    });
    await page.goto(`${explorer.address}#screen=verify&device=simd&devices=simd%2Cwebgpu%2Ccpu`);
    await page.getByRole('button', { name: 'Verify', exact: true }).and(page.locator('[type=submit]')).click();
    const verdicts = page.getByRole('region', { name: 'Verdicts' }).getByRole('listitem');
    await verdicts.filter({ hasText: '✓ cpu' }).waitFor();
    expect(await verdicts.allTextContents()).toEqual([
      expect.stringMatching(/^✓ simd 58 taps free, at most 0\.\d+ × PyTorch's own rounding .*WebAssembly SIMD/),
      expect.stringMatching(/^– webgpu unavailable: .*no WebGPU/),
      expect.stringMatching(/^✓ cpu 58 taps free/),
    ]);
    const rows = await page
      .getByRole('row')
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
    expect(rows[0]).toEqual(['activation', 'simd', 'cpu']);
    expect(rows.slice(1).map(([name, , cpu]) => [name, cpu?.endsWith('%') ? '%' : cpu])).toEqual(await measuredHere());

    // By keyboard alone: down and right, to the end, and back to the first.
    await page.getByRole('gridcell').first().focus();
    for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
    const cell = page.locator('output.cell');
    await cell.filter({ hasText: `${rows[2][0]} on cpu: pass` }).waitFor();
    await page.keyboard.press('End');
    await cell.filter({ hasText: `${rows.at(-1)![0]} on cpu: pass` }).waitFor();
    await page.keyboard.press('Home');
    await cell.filter({ hasText: `${rows[1][0]} on cpu` }).waitFor();

    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    expect(await violations(page)).toEqual([]);

    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'JSON' }).click(),
    ]);
    const { runs } = readReport(await readFile(await saved.path(), 'utf8'), 'saved');
    expect(runs.map((run) => judgeRun(run).status)).toEqual(['pass', 'unavailable', 'pass']);
    const [table] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ]);
    const lines = (await readFile(await table.path(), 'utf8')).split('\r\n');
    expect(lines).toHaveLength(1 + 2 * (58 + 50 + 54) + 1);
    expect(lines[1]).toMatch(/^"model-e","simd","free","transformer.visual.conv1","\d/);
  });

  test('is stopped, and finds a planted fault where it enters', async () => {
    const page = await explorer.open('screen=verify&device=simd&golden=describe&devices=cpu');
    const start = page.getByRole('button', { name: 'Verify', exact: true }).and(page.locator('[type=submit]'));
    await start.click();
    await page
      .getByRole('status')
      .filter({ hasText: /cpu, free: \d+ of 106 activations/ })
      .waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await start.waitFor();
    expect(await page.getByRole('region', { name: 'Verdicts' }).count()).toBe(0);

    await page.getByLabel('Golden').selectOption('model-e');
    await page.getByLabel('Planted fault').selectOption('c-attn-bias-missing');
    await page.getByRole('checkbox', { name: 'cpu' }).uncheck();
    await page.getByRole('checkbox', { name: 'simd' }).check();
    await start.click();
    await page
      .getByRole('listitem')
      .filter({ hasText: /✗ simd over budget .*enters at transformer\.h\.0\.attn\.c_attn, after .*: linear/ })
      .waitFor();
    expect(await page.locator('td.over').first().textContent()).toMatch(/^✗/);
    expect(new URL(page.url()).hash).toContain('fault=c-attn-bias-missing&devices=simd'); // a link to what is seen
  });
});
