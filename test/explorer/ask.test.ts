import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { answerOf, goldenAnswer } from '../answers.ts';
import { answered, asks, LONG } from './asks.ts';
import { violations } from './axe.ts';
import { describeExplorer, opened } from './harness.ts';

/** Tab until something has the focus; how often is bounded, so that what cannot be reached is a failure. */
async function tabTo(page: Page, name: string): Promise<void> {
  const target = page
    .getByRole('main')
    .getByLabel(name, { exact: true })
    .or(page.getByRole('button', { name, exact: true }));
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    if (await target.evaluateAll((found) => found.includes(document.activeElement as HTMLElement))) return;
  }
  expect.fail(`"${name}" cannot be reached by Tab`);
}

describeExplorer('the page: ask', (explorer) => {
  test('shows the recorded answer of the original until the model is there, then its own, with where it ran and what it took', async () => {
    const page = await explorer.open('device=simd');
    await page.getByText('recorded: the original’s answer').waitFor();
    expect(await page.locator('output').textContent()).toBe(answerOf('describe'));
    expect(await opened(page)).toMatch(/^runs on WebAssembly SIMD.*2 threads$/);
    await expect.poll(() => page.locator('output').textContent()).toBe('');
    await asks(page);
    await answered(page, answerOf('describe'));
    const cost = await page.getByText('ran on').textContent();
    const { prompt_ids, token_ids } = goldenAnswer('describe');
    const counted = `${prompt_ids.length} tokens of the question · ${token_ids.length} of the answer`;
    expect(cost).toMatch(new RegExp(`^ran on WebAssembly SIMD.*2 threads · ${counted} · the first after 0\\.\\d+ s`));
    expect(await violations(page)).toEqual([]);
  });

  test('draws the boxes of an answer where it says, names them, and marks its language', async () => {
    const page = await explorer.open('device=simd&picture=scene-2.png');
    await opened(page);
    await page.getByRole('button', { name: '框出图中苹果的位置' }).click();
    expect(await page.getByLabel('Question').getAttribute('lang')).toBe('zh');
    await asks(page);
    await answered(page, answerOf('locate-zh'));
    expect(await page.locator('output').getAttribute('lang')).toBe('zh');
    const boxes = page.getByRole('region', { name: 'Boxes' });
    const [left, top, right, bottom] = answerOf('locate-zh').match(/\d+/g)!.map(Number);
    const said = `苹果: (${left}, ${top}) – (${right}, ${bottom})`;
    expect(await boxes.getByRole('listitem').textContent()).toContain(said);
    // Where the corners are on the screen, as parts of the picture.
    const corners = await boxes.locator('figure').evaluate((figure) => {
      const { x, y, width, height } = figure.querySelector('img')!.getBoundingClientRect();
      const drawn = figure.querySelector('polygon:last-of-type') as SVGPolygonElement;
      const onScreen = [...drawn.points].map((point) => point.matrixTransform(drawn.getScreenCTM()!));
      return onScreen.map((point) =>
        [(point.x - x) / width, (point.y - y) / height].map((part) => Math.round(part * 1000)),
      );
    });
    expect(corners).toEqual([
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ]);
  });

  test('goes on with a conversation, all of which is in the address', async () => {
    const { history, query } = goldenAnswer('conversation');
    const [[, first]] = history;
    const page = await explorer.open('device=simd&picture=scene-4.png&question=How+many+mushrooms+are+there%3F');
    await opened(page);
    await asks(page);
    await answered(page, first);
    await page.getByRole('button', { name: 'Go on asking' }).click();
    await page.keyboard.type(query); // the focus is there
    await asks(page);
    await answered(page, answerOf('conversation'));
    await page.getByRole('region', { name: 'Boxes' }).waitFor();
    await page.reload();
    await opened(page);
    const talk = page.getByRole('region', { name: 'Conversation' });
    expect(await talk.locator('dd').allTextContents()).toEqual([first]);
    await asks(page);
    await answered(page, answerOf('conversation'));
    await page.getByRole('button', { name: 'New conversation' }).click();
    await expect.poll(() => talk.count()).toBe(0);
    await expect.poll(() => page.url()).not.toContain('talk');
  });

  test('orders several pictures, samples as it is told, and has both in the address', async () => {
    const page = await explorer.open('device=simd&picture=scene-2.png');
    await opened(page);
    await page.getByRole('checkbox', { name: /^add to the picture/ }).check();
    await page.getByRole('button', { name: 'scene-1.png' }).click();
    await page.getByLabel('Question').fill('Which picture shows an apple?');
    await page.getByRole('button', { name: 'Picture 2 before picture 1' }).click();
    await asks(page);
    await answered(page, answerOf('two-pictures'));
    await page.getByText('Sampling').click();
    await page.getByLabel('Temperature').fill('1.5');
    await page.getByLabel('Seed').fill('7');
    await page.getByLabel('Most tokens').fill('3');
    await asks(page);
    const text = page.locator('output');
    await page.getByText('· 3 of the answer').waitFor();
    const drawn = await text.textContent();
    expect(await violations(page)).toEqual([]);
    await page.reload();
    await opened(page);
    await expect.poll(() => page.locator('.pictures bdi').allTextContents()).toEqual(['scene-1.png', 'scene-2.png']);
    await asks(page);
    await page.getByText('· 3 of the answer').waitFor();
    expect(await text.textContent()).toBe(drawn);
    await page.goto(page.url().replace('temperature=1.5', 'temperature=hot'));
    await asks(page);
    await page.getByRole('alert').filter({ hasText: 'temperature' }).waitFor();
    await page.getByRole('button', { name: 'Remove picture 2' }).click();
    await expect.poll(() => page.locator('.pictures bdi').allTextContents()).toEqual(['scene-1.png']);
  });

  test('is stopped, keeps what there was of the answer, and answers again', async () => {
    const page = await explorer.open(`device=simd&threads=1&${LONG}`);
    await opened(page);
    await asks(page);
    await expect.poll(async () => (await page.locator('output').textContent())!.length).toBeGreaterThan(20);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('stopped;').waitFor();
    const so_far = await page.locator('output').textContent();
    await page.getByText('Sampling').click();
    await page.getByLabel('Least tokens').fill('');
    expect(await page.locator('output').textContent()).toBe(so_far);
    await asks(page);
    await answered(page, answerOf('describe'));
    await page.getByLabel('Least tokens').fill('1800');
    await asks(page);
    await page.locator('output[aria-busy=true]').waitFor();
    await page.close(); // while it answers
  });

  test('is stopped when its screen is left', async () => {
    const page = await explorer.open(`device=simd&${LONG}`);
    await opened(page);
    await asks(page);
    await page.locator('output[aria-busy=true]').waitFor();
    // This screen needs no answer; most would ask anew, and the stopped one be gone.
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByRole('main', { name: 'Verify' }).waitFor();
    await page.goBack();
    await page.getByText('stopped;').waitFor();
    await page.goto(`${explorer.address}#device=simd`);
    await asks(page);
    await answered(page, answerOf('describe'));
  });

  test('shows what is sound of an address, and says what is not', async () => {
    const board =
      'board_red-square.300.300.250_no-such.1.2.3_red-square.1_cat-face.-5.1.1_bird.99999.1.1_fish.9999.0.1';
    const page = await explorer.open(`device=simd&picture=${board}&threads=-7&talk=[[1,"<b>?</b>"]]`);
    await opened(page);
    const items = page.locator('.board .item');
    await items.first().waitFor();
    expect(await items.evaluateAll((all) => all.map((item) => item.getAttribute('aria-label')))).toEqual([
      'red square, middle at 300, 300, size 250',
      'fish, middle at 999, 0, size 60',
    ]);
    expect(await page.getByRole('region', { name: 'Conversation' }).count()).toBe(0);
    await page.goto(`${explorer.address}#device=simd&talk=[[9,"<b>?</b>","<i>!</i>"]]`);
    await page.getByText('<b>?</b>').waitFor();
    await page.getByText('pictures of the conversation are missing: begin a new one').waitFor();
    await page.getByRole('button', { name: 'New conversation' }).click();
    await asks(page);
    await answered(page, answerOf('describe'));
  });

  test('is used by keyboard alone', async () => {
    const page = await explorer.open('device=simd');
    await opened(page);
    await tabTo(page, 'scene-3.jpg');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Question');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('What is in the picture?');
    await page.keyboard.press('Enter');
    await answered(page, answerOf('single'));
    await tabTo(page, 'Go on asking');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Conversation' }).getByText(answerOf('single')).waitFor();
    await tabTo(page, 'New conversation');
  });
});
