import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** A number as the page writes it. */
export const numberOf = (text: string): number => Number(text.trim().replaceAll('−', '-').split(' ')[0]);

/** The numbers of a map's table, row by row; the table is opened. */
export async function tableOf(map: Locator): Promise<number[]> {
  const details = map.locator('details');
  if (!(await details.evaluate((element) => (element as HTMLDetailsElement).open)))
    await details.locator('summary').click();
  await map.locator('tbody tr').first().waitFor();
  return (await map.locator('tbody td').allTextContents()).map(numberOf);
}

/** What a map's colours say: every pixel of its canvas, as the value whose colour in the legend is the nearest. */
export async function coloursOf(map: Locator): Promise<number[]> {
  const ends = await map.locator('.legend span').allTextContents();
  const [low, high] = ends.map(numberOf);
  const shares = await map.evaluate((figure) => {
    const pixels = (canvas: HTMLCanvasElement) =>
      canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data;
    const [cells, legend] = [...figure.querySelectorAll('canvas')].map(pixels);
    const steps = legend.length / 4;
    return Array.from({ length: cells.length / 4 }, (_, cell) => {
      let [nearest, least] = [0, Number.POSITIVE_INFINITY];
      for (let step = 0; step < steps; step++) {
        const apart = [0, 1, 2].reduce((sum, i) => sum + (cells[4 * cell + i] - legend[4 * step + i]) ** 2, 0);
        if (apart < least) [nearest, least] = [step, apart];
      }
      return nearest / (steps - 1);
    });
  });
  return shares.map((share) => low + share * (high - low));
}

/** Whether numbers that were written with four digits are these; where all are small, to a share of the largest. */
export function expectNear(found: readonly number[], expected: ArrayLike<number>, share = 1e-4): void {
  expect(found.length).toBe(expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  const apart = found.map((value, i) => Math.abs(value - expected[i]) - 6e-4 * Math.abs(expected[i]));
  expect(largest).toBeGreaterThan(0);
  expect(Math.max(...apart)).toBeLessThan(share * largest);
}

/** Waits until the page is drawn as its state now is. */
export const drawn = (page: Page): Promise<unknown> =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
