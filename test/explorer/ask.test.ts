import { expect, test } from 'vitest';
import { describeExplorer, opened } from './harness.ts';

describeExplorer('the page: ask', (explorer) => {
  test('answers about a sample, on the device that it says', async () => {
    const page = await explorer.open('device=simd');
    expect(await opened(page)).toMatch(/^runs on WebAssembly SIMD.*2 threads$/);
    await page.getByRole('button', { name: 'scene-1.png' }).click();
    await page.getByLabel('Question').fill('What is in the picture?');
    await page.getByRole('button', { name: 'Ask', exact: true }).and(page.locator('[type=submit]')).click();
    await page.getByText('The picture shows an orange square and a purple star.').waitFor();
  });
});
