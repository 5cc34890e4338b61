import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { promptOf } from '../../src/generate/answer.ts';
import { openSystem } from '../../src/generate/open-system.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { pixelsOf, resize } from '../../src/input/picture/resize.ts';
import { imageRows } from '../../src/model/placed-images.ts';
import { openDevice } from '../../src/open-device.ts';
import { profile } from '../../src/profile/profile.ts';
import { groupBy } from '../../src/profile/summary.ts';
import { scaled } from '../../src/profile/text.ts';
import type { Trace } from '../../src/profile/trace-events.ts';
import { closeDevice } from '../../tensor/device.ts';
import { goldenAnswer } from '../answers.ts';
import { violations } from './axe.ts';
import { describeExplorer } from './harness.ts';

const QUESTION = 'What is in the picture?';
const { length: ASKED } = goldenAnswer('describe').prompt_ids;
const { length: ANSWERED } = goldenAnswer('describe').token_ids;

/** Calls and FLOP of each operation, as a profile in Node counts them for the same answer of so many tokens. */
async function countedHere(tokens: number): Promise<Map<string, string>> {
  const { device } = await openDevice('simd', 1);
  const system = await openSystem('golden/picture-book', device);
  const { model } = system;
  const size = model.config.visual.image_size;
  const picture = resize(await readPicture('golden/picture-book/pictures/scene-1.png'), size);
  const { ids } = promptOf(system, { content: [{ image: '' }, { text: QUESTION }], pictures: [picture], history: [] });
  const source = imageRows([ids], model.config);
  const work = { pixels: async () => pixelsOf([picture], size), images: 1, ids, source, tokens };
  const { stepwise } = await profile(model, work, { mostRuns: 1 });
  await system.close();
  await closeDevice(device);
  return new Map(
    groupBy(stepwise.launches, ({ op }) => op, undefined).map(({ name, launches, operations }) => [
      name,
      `${launches} ${scaled(operations, '')}`,
    ]),
  );
}

describeExplorer('the page: profile', (explorer) => {
  test('times the answer that the address asks for, and counts what Node counts', async () => {
    const address = new URLSearchParams({
      screen: 'profile',
      device: 'simd',
      picture: 'scene-1.png',
      question: QUESTION,
    });
    const page = await explorer.open(String(address));
    await page.getByRole('button', { name: 'Profile the last answer' }).click();
    const about = page.getByText(new RegExp(`${ASKED} tokens in, ${ANSWERED} out, in [\\d.]+ ms as it runs`));
    await about.waitFor();
    expect(await about.textContent()).toMatch(/Ran on WebAssembly SIMD.*clock: the page’s.* Roofs .*: [\d.]+ GFLOP\/s/);
    const rows = await page
      .getByRole('region', { name: 'Operations' })
      .getByRole('row')
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')));
    const counted = new Map(rows.slice(1, -1).map(([name, calls, , , flop]) => [name, `${calls} ${flop}`]));
    expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(await countedHere(ANSWERED)));
    const [linear] = rows.filter(([name]) => name === 'linear');
    expect(Number(linear[9].split(' ')[0])).toBeGreaterThan(0); // of the roof

    // The timeline, by keyboard: the part behind the picture's, in its colour where its time is.
    const timeline = page.getByRole('region', { name: 'Timeline' });
    const canvas = timeline.getByRole('application');
    await canvas.focus();
    await page.keyboard.press('ArrowRight');
    const looked = timeline.locator('output');
    await looked.filter({ hasText: 'parts: vision encoder' }).waitFor();
    const [length, start] = (await looked.textContent())!.match(/[\d.]+(?= ms)/g)!.map(Number);
    const whole = Number(/to ([\d.]+) ms/.exec((await timeline.textContent())!)![1]);
    const colour = await canvas.evaluate(
      (element, share) => {
        const { width, height } = element as HTMLCanvasElement;
        const { data } = (element as HTMLCanvasElement)
          .getContext('2d')!
          .getImageData(share * width, height * 0.03, 1, 1);
        return [...data];
      },
      (start + length * 0.75) / whole,
    );
    expect(colour).toEqual([0x56, 0xb4, 0xe9, 255]);
    await page.keyboard.press('ArrowDown');
    await looked.filter({ hasText: /^blocks: transformer\.visual.*, in vision encoder/ }).waitFor();
    for (let i = 0; i < 4; i++) await page.keyboard.press('+');
    expect(await timeline.textContent()).not.toContain(`0.000 to ${whole}`);
    await page.keyboard.press('0');
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + 0.95 * box.width, box.y + 10);
    await looked.filter({ hasText: 'parts: decode' }).waitFor();

    // The roofline: from the longest operation to the next that computes something.
    await page.mouse.move(0, 0); // or it would lie on a point when the page scrolls
    const roofline = page.getByRole('region', { name: 'Roofline' });
    await roofline.getByRole('application').focus();
    await page.keyboard.press('ArrowRight');
    const next = rows.slice(1).filter(([, , ms, , flop]) => flop.trim() !== '0' && ms !== '–')[1];
    await roofline
      .locator('output')
      .filter({ hasText: `${next[0]}, most of it in` })
      .waitFor();

    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    expect(await violations(page)).toEqual([]);

    const [saved] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Trace' }).click(),
    ]);
    const { traceEvents } = JSON.parse(await readFile(await saved.path(), 'utf8')) as Trace;
    expect(traceEvents.filter(({ name, pid }) => name === 'decode' && pid === 1)).toHaveLength(ANSWERED - 1);
    const [json] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'JSON' }).click(),
    ]);
    const found = JSON.parse(await readFile(await json.path(), 'utf8'));
    expect(found).toMatchObject({ question: QUESTION, prompt: ASKED });
    expect(found.stepwise.launches).toHaveLength(rows.slice(1, -1).reduce((sum, [, calls]) => sum + Number(calls), 0));
  }, 120_000);

  test('is stopped, and leaves nothing behind', async () => {
    const page = await explorer.open('screen=profile&device=simd');
    const start = page.getByRole('button', { name: 'Profile the last answer' });
    await start.click();
    await page
      .getByRole('status')
      .filter({ hasText: /pass|roofs/ })
      .waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await start.waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await page.getByRole('region').count()).toBe(1); // the device's
  });
});
