import type { Page } from 'playwright-core';

/** What makes the answer to the usual question 790 tokens long: time to do something while it comes. */
export const LONG = 'repetition-penalty=100&temperature=3&top-p=1&max-new-tokens=1800';

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

/** Drops a file into the page. */
export async function drops(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  const dropped = await page.evaluateHandle(
    ([fileName, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(content)], fileName));
      return transfer;
    },
    [name, [...bytes]] as const,
  );
  await page.dispatchEvent('main', 'drop', { dataTransfer: dropped });
}
