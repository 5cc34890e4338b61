import type { Locator } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { statisticsOf } from '../../src/explorer/engine/statistics.ts';
import { colourOf } from '../../src/explorer/page/parts/scales.ts';
import { modelOn } from '../../src/generate/model-on.ts';
import { openDevice } from '../../src/open-device.ts';
import { capture } from '../../src/verify/capture.ts';
import { findGoldens } from '../../src/verify/open.ts';
import { closeDevice, type HostData } from '../../tensor/device.ts';
import { read } from '../../tensor/tensor.ts';
import { violations } from './axe.ts';
import { describeExplorer } from './harness.ts';

const ASKED = 'device=simd&screen=walk&picture=scene-1.png&question=What+is+in+the+picture%3F';
const BLOCK = 'transformer.visual.transformer.resblocks.1';

describeExplorer('the page: walk', (explorer) => {
  /** What Node hears of the same prompt; it may add without fusing, so that last digits differ. */
  const node = new Map<string, HostData>();
  beforeAll(async () => {
    const [found] = await findGoldens('golden/picture-book/activations/describe', undefined);
    const { golden, checkpoint, close } = await found.open();
    const { device } = await openDevice('simd', 2);
    const model = modelOn(device, checkpoint);
    const reads: Promise<unknown>[] = [];
    capture(
      model,
      { ...golden.inputs, tokens: new Int32Array(0) },
      {
        take: (name, activation) => void reads.push(read(activation).then((data) => node.set(name, data))),
      },
    );
    node.set('weight', await read(model.weights[`${BLOCK}.attn.in_proj.weight`]));
    await Promise.all(reads);
    await closeDevice(device);
    await close();
  });

  test('shows the numbers of the pass, and takes one apart into its sum', async () => {
    const page = await explorer.open(`${ASKED}&station=${BLOCK}.attn.in_proj&cell=3,17`);
    const sum = page.getByRole('region', { name: 'how the cell came about' });
    await sum.getByText('In float64 the sum is').waitFor();
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe(`${BLOCK}.attn.in_proj`);
    const about = page.getByRole('region', { name: /^about/ });
    expect(await about.textContent()).toContain('patch 64 × channel 576');
    expect(await about.textContent()).toMatch(/linear kernels\/linear\.ts:\d+y = x · Wᵀ \+ b/);
    expect(await about.textContent()).toContain("const qkv = tap('attn.in_proj', dense(x, w, 'attn.in_proj'));");

    const ours = node.get(`${BLOCK}.attn.in_proj`)!;
    const statistics = statisticsOf(ours);
    const shown = await numbersIn(page.getByRole('region', { name: 'statistics' }).locator('dd'));
    expect(shown[0]).toBe(64 * 576);
    for (const [i, name] of (['min', 'max', 'mean', 'deviation', 'rms'] as const).entries()) {
      expect(near(shown[i + 1], statistics[name]), name).toBe(true);
    }

    const [value] = await numbersIn(sum.getByRole('status'));
    expect(near(value, ours[3 * 576 + 17])).toBe(true);
    expect(await sum.textContent()).toContain('patch row 0 column 3, head 0 query channel 17');
    const [total, device] = await numbersIn(sum.locator('strong'));
    expect(device).toBe(value);
    expect(near(total, value)).toBe(true);

    // The largest term, straight from Node's numbers.
    const [x, weight] = [node.get(`${BLOCK}.ln_1`)!, node.get('weight')!];
    const products = Array.from({ length: 192 }, (_, k) => x[3 * 192 + k] * weight[17 * 192 + k]);
    const k = products.reduce((best, product, i) => (Math.abs(product) > Math.abs(products[best]) ? i : best), 0);
    const row = sum.getByRole('row').nth(1);
    const [first, second] = await row.getByRole('button').allTextContents();
    expect(first).toMatch(new RegExp(`^x\\[3, ${k}\\] `));
    expect(second).toMatch(new RegExp(`^weight\\[17, ${k}\\] `));
    expect(near(number(second.split('] ')[1]), weight[17 * 192 + k])).toBe(true);
    expect(near((await numbersIn(row.getByRole('cell')))[1], products[k])).toBe(true);
    const sums = await numbersIn(sum.getByRole('row').locator('td:last-child'));
    expect(sums).toHaveLength(13);
    expect(near(sums[12], total)).toBe(true);
    const others = (await numbersIn(sum.getByRole('row').last().getByRole('cell')))[1];
    expect(near(sums[11] + others, total)).toBe(true);

    // The map has one pixel a cell, in the colour of its number.
    const drawn = await page.locator('.cells canvas').evaluate((canvas: HTMLCanvasElement) => {
      const [r, g, b] = canvas.getContext('2d')!.getImageData(17, 3, 1, 1).data;
      return { width: canvas.width, height: canvas.height, colour: [r, g, b] };
    });
    const high = Math.min(Math.max(-statistics.min, statistics.max), 4 * statistics.rms);
    const wanted = colourOf(ours[3 * 576 + 17], { kind: 'diverging', low: -high, high });
    for (const i of [0, 1, 2]) expect(Math.abs(drawn.colour[i] - wanted[i])).toBeLessThanOrEqual(1);
    expect(drawn.width * drawn.height).toBeLessThan(64 * 128);
    expect(
      await page
        .locator('canvas')
        .evaluateAll((all) => Math.max(...all.map((each) => (each as HTMLCanvasElement).width))),
    ).toBeLessThanOrEqual(256);

    await page.getByRole('button', { name: 'check against the golden' }).click();
    await about.getByText('These very numbers').waitFor();
    expect(await about.textContent()).toMatch(/✓ NMSE \d\.\d+e−1\d to PyTorch’s float32, \d+ % of what is allowed/);

    // On to what it is made of, and back.
    await row.getByRole('button').first().click();
    await page.getByRole('heading', { level: 2, name: `${BLOCK}.ln_1` }).waitFor();
    await sum.getByText('In float64 the sum is').waitFor();
    expect(near((await numbersIn(sum.getByRole('status')))[0], x[3 * 192 + k])).toBe(true);
    expect(await sum.textContent()).toContain('1 / √(variance + eps)');
    expect(await violations(page)).toEqual([]);
    await page.getByRole('navigation', { name: 'Trail' }).getByRole('button', { name: 'Back' }).click();
    await page.getByRole('heading', { level: 2, name: `${BLOCK}.attn.in_proj` }).waitFor();
    await sum.getByText('row 3, column 17').waitFor();
  });

  test('is walked by keyboard, and its address leads back', async () => {
    const page = await explorer.open(ASKED);
    await page.getByRole('navigation', { name: 'Stations' }).waitFor();
    const heading = page.getByRole('heading', { level: 2 });
    expect(await heading.textContent()).toBe('pixels');
    const tour = page.getByRole('region', { name: 'Tour' });
    await page.keyboard.press('Space');
    await tour.getByText('1 of 24').waitFor();
    for (let i = 0; i < 3; i++) await page.keyboard.press('Space');
    await tour.getByText('4 of 24').waitFor();
    expect(await heading.textContent()).toBe('transformer.visual.ln_pre');
    expect(await tour.textContent()).toContain('a convolution whose stride is its size');
    await tour.getByRole('button', { name: 'Leave the tour' }).press('Enter');

    const map = page.getByRole('application');
    await map.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight', 'End', 'ArrowLeft']) await page.keyboard.press(key);
    const ours = node.get('transformer.visual.ln_pre')!;
    const readout = page.getByRole('figure').getByRole('status');
    await readout.getByText('patch row 0 column 2, channel 190').waitFor();
    expect(near(number((await readout.textContent())!.split(': ')[1]), ours[2 * 192 + 190])).toBe(true);
    await page.getByText('around the cursor, as a table').press('Enter');
    const last = page
      .getByRole('row', { name: /^patch row 0 column 2 / })
      .getByRole('cell')
      .last();
    expect(near((await numbersIn(last))[0], ours[2 * 192 + 191])).toBe(true);
    await map.focus();
    await page.keyboard.press('Enter');
    const sum = page.getByRole('region', { name: 'how the cell came about' });
    await sum.getByText('row 2, column 190').waitFor();
    expect(page.url()).toContain('station=transformer.visual.ln_pre&cell=2%2C190');
    await sum.getByText('In float64 the sum is').waitFor(); // nothing is on its way that would be cut off
    await page.reload();
    await sum.getByText('row 2, column 190').waitFor();
    await readout.getByText('patch row 0 column 2, channel 190').waitFor();

    // A weight has numbers, but no sum; and an address can say anything.
    await page
      .getByRole('region', { name: /^about/ })
      .getByRole('button', { name: 'transformer.visual.ln_pre.bias' })
      .press('Enter');
    await page.getByText('A weight of the checkpoint, 192.').waitFor();
    await map.press('Enter');
    await sum.getByText('it is where the walk ends').waitFor();
    await page.goto(`${explorer.address}#${ASKED}&station=%3Cimg+src=x%3E&cell=9,9&tour=99&zoom=1e9`);
    await page.getByRole('alert').filter({ hasText: 'No station of this pass is called “<img src=x>”' }).waitFor();
  });
});

/** Numbers as the page shows them. */
const number = (text: string): number => Number(text.replaceAll('−', '-').replaceAll(',', '').trim());

async function numbersIn(found: Locator): Promise<number[]> {
  await found.first().waitFor();
  return (await found.allTextContents()).map(number);
}

/** Equal but for float32's rounding along a pass. */
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-5 * (1 + Math.abs(b));
