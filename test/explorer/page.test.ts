import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { violations } from './axe.ts';
import { describeExplorer, opened } from './harness.ts';

/** Telephones, tablets, desks; in both colour schemes. */
const WINDOWS = [
  { width: 360, height: 740, colorScheme: 'dark' },
  { width: 768, height: 1024, colorScheme: 'light' },
  { width: 1280, height: 900, colorScheme: 'dark' },
] as const;

const buttons = (page: Page) => page.getByRole('navigation', { name: 'Screens' }).getByRole('button');
const shown = (page: Page, title: string) => page.getByRole('main', { name: title, exact: true });

/** The main part of a screen, once its script is there. */
async function loaded(page: Page, title: string): Promise<void> {
  await shown(page, title)
    .filter({ hasNotText: /^loading …$/ })
    .waitFor();
}

describeExplorer('the page: every screen of its navigation', (explorer) => {
  test('is without a violation and fits its window, in three widths and both colour schemes', async () => {
    const page = await explorer.open('device=simd');
    await opened(page);
    const titles = await buttons(page).allTextContents();
    expect(titles.length).toBeGreaterThanOrEqual(3);
    for (const title of titles) {
      await buttons(page).filter({ hasText: title }).click();
      await loaded(page, title);
      for (const { width, height, colorScheme } of WINDOWS) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        const where = `${title}, ${width} pixels, ${colorScheme}`;
        expect(await page.evaluate(() => document.documentElement.scrollWidth), where).toBeLessThanOrEqual(width);
        expect(await violations(page), where).toEqual([]);
      }
    }
  });

  test('is reached by keyboard, by back and forward, and by its address', async () => {
    const page = await explorer.open('device=simd');
    const titles = await buttons(page).allTextContents();
    await buttons(page).first().focus();
    for (const title of titles.slice(1)) {
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await loaded(page, title);
    }
    const last = page.url();
    for (const title of titles.slice(0, -1).reverse()) {
      await page.goBack();
      await loaded(page, title);
    }
    await page.goForward();
    await loaded(page, titles[1]);
    expect(await buttons(page).nth(1).getAttribute('aria-current')).toBe('page');

    const { hash } = new URL(last);
    await loaded(await explorer.open(hash.slice(1)), titles.at(-1)!);
    const anything = await explorer.open('screen=constructor');
    await loaded(anything, titles[0]);
    await opened(anything);
    await anything.goto('about:blank');
    await anything.goto(`${explorer.address}#screen=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&device=%00&threads=-1`);
    await loaded(anything, titles[0]);
    await opened(anything);
    expect(await anything.locator('img[src=x]').count()).toBe(0);
  });
});
