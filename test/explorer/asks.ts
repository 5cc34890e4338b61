import type { Page } from 'playwright-core';

/** What makes an answer 1,800 tokens long, whatever the model: seconds to do something while it comes. */
export const LONG = 'min-new-tokens=1800&max-new-tokens=1800';

/** Presses the button that asks, as soon as it can be. */
export async function asks(page: Page): Promise<void> {
  await page.locator('[type=submit]').click();
}

/** Waits until the whole answer is a text. */
export async function answered(page: Page, text: string): Promise<void> {
  const whole = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  await page.locator('output:not([aria-busy=true])', { hasText: new RegExp(`^${whole}$`) }).waitFor();
  await page.getByText('ran on').waitFor();
}

/** Drags a file or a folder of the machine into the page, as a hand does. */
export async function drags(page: Page, path: string): Promise<void> {
  const browser = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await browser.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
  }
  await browser.detach();
}
