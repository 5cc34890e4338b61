import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

const SCRIPT = fileURLToPath(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url));

/** What of axe's answer is read. */
interface Found {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}
declare const axe: { run(): Promise<Found> };

/** What axe finds wrong in the page as it is now: each rule with the elements that break it. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(SCRIPT, 'utf8')); // its policy lets a page have no script in its markup
  const found = await page.evaluate(async () => (await axe.run()).violations);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
