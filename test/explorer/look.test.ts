import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GoldenInputs } from '../../src/verify/golden.ts';
import { answerOf } from '../answers.ts';
import { violations } from './axe.ts';
import { describeExplorer } from './harness.ts';
import { coloursOf, drawn, expectNear, numberOf, tableOf } from './reading.ts';
import { ANSWER, IMAGE_START, logProbability, openReference, type Reference, VOCABULARY } from './reference.ts';

const [LAYERS, HEADS, Q, GRID] = [4, 4, 16, 8];
const L = GRID ** 2;
const ADAPTER = 'transformer.visual.attn_pool.attn.probs';
const blockOf = (layer: number) => `transformer.h.${layer}.attn.attn_dropout`;
const encoderOf = (layer: number) => `transformer.visual.transformer.resblocks.${layer}.attn.probs`;

let reference: Reference;
beforeAll(async () => {
  reference = await openReference();
});
afterAll(() => reference.close());

const map = (page: Page, name: string | RegExp) => page.getByRole('figure', { name });

/** Waits until what is shown is what was chosen. */
async function settled(page: Page): Promise<void> {
  await drawn(page);
  await page.locator('.view[aria-busy=false]').waitFor();
}

async function looking(page: Page): Promise<Page> {
  await page.locator('.view').waitFor();
  await settled(page);
  return page;
}

const choose = async (page: Page, label: string, option: string) => {
  await page.getByRole('combobox', { name: label, exact: true }).selectOption(option);
  await settled(page);
};

/** The golden's prompt with so many tokens of its answer, all at once. */
function inputsUpTo(token: number): GoldenInputs {
  const { inputs } = reference.golden;
  const ids = Int32Array.of(...inputs.ids, ...ANSWER.subarray(0, token));
  return { ...inputs, ids, tokens: new Int32Array(0) };
}

/** The last row of a decoder block's probabilities, `[H·T, T]`, by a head or as the mean of all. */
function lastRow(all: Float32Array, T: number, head?: number): number[] {
  const heads = head === undefined ? [0, 1, 2, 3] : [head];
  return Array.from({ length: T }, (_, key) =>
    heads.reduce((sum, h) => sum + all[(h + 1) * T * T - T + key] / heads.length, 0),
  );
}

/** The adapter's rows, the mean of its two heads, weighted. */
const throughAdapter = (weights: readonly number[], adapter: Float32Array): number[] =>
  Array.from({ length: L }, (_, patch) =>
    weights.reduce((sum, weight, q) => sum + (weight * (adapter[q * L + patch] + adapter[(Q + q) * L + patch])) / 2, 0),
  );

describeExplorer('the page: where it looked', (explorer) => {
  test("reads in the prompt what PyTorch's decoder read, and by which rows of the picture", async () => {
    const page = await looking(await explorer.open('device=simd&screen=look&view=prompt', { colorScheme: 'dark' }));
    const { golden } = reference;
    const T = golden.inputs.ids.length;
    const taps = await Promise.all(
      Array.from({ length: LAYERS }, (_, layer) => golden.taps.get(blockOf(layer))!.values!()),
    );
    const expected = Array.from({ length: T }, (_, key) =>
      taps.reduce((sum, tap) => sum + lastRow(tap, T)[key] / LAYERS, 0),
    );
    const first = golden.inputs.ids.indexOf(IMAGE_START) + 1;
    const texts = await page
      .locator('.strip li:not(.rows)')
      .evaluateAll((items) => items.map((item) => item.lastChild!.textContent!));
    expectNear(texts.map(numberOf), [...expected.slice(0, first), ...expected.slice(first + Q)]);
    expectNear(await tableOf(map(page, 'Rows of picture 1')), expected.slice(first, first + Q));
    // One block, one head.
    await choose(page, 'Decoder block', '2');
    await choose(page, 'Decoder head', '1');
    const row = lastRow(taps[2], T, 1);
    expectNear(await tableOf(map(page, 'Rows of picture 1')), row.slice(first, first + Q));
    expect(await violations(page)).toEqual([]);
    // A row of the picture leads to the patches that it read.
    await map(page, 'Rows of picture 1').getByRole('application').focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
    await map(page, 'What row 5 of the adapter read').waitFor();
  });

  test('shows on the picture what a token read, in numbers and colours, and what it read more than another', async () => {
    const page = await looking(await explorer.open('device=simd&screen=look&token=4&layer=3&head=2'));
    const inputs = [inputsUpTo(4), inputsUpTo(8)];
    const wanted = /\.attn_dropout$|\.attn\.probs$/;
    const [thing, other] = await Promise.all(inputs.map((each) => reference.taps(each, wanted)));
    const first = inputs[0].ids.indexOf(IMAGE_START) + 1;
    const patches = (taps: ReadonlyMap<string, Float32Array>, { ids }: GoldenInputs) =>
      throughAdapter(lastRow(taps.get(blockOf(3))!, ids.length, 2).slice(first, first + Q), taps.get(ADAPTER)!);
    const expected = patches(thing, inputs[0]);
    const shown = map(page, 'Where it looked');
    expectNear(await tableOf(shown), expected);
    expectNear(await coloursOf(shown), expected, 1 / 200);

    await choose(page, 'minus', '8');
    const difference = patches(other, inputs[1]).map((value, i) => expected[i] - value);
    expectNear(await tableOf(shown), difference);
    expectNear(await coloursOf(shown), difference, 2 / 200);

    await choose(page, 'Encoder block', '1');
    await choose(page, 'Encoder head', '3');
    const encoder = thing.get(encoderOf(1))!.subarray(3 * L * L);
    const further = Array.from({ length: L }, (_, to) =>
      difference.reduce((sum, value, from) => sum + value * encoder[from * L + to], 0),
    );
    expectNear(await tableOf(shown), further);
    expect(await violations(page)).toEqual([]);

    // All of it is in the address.
    await page.reload();
    await looking(page);
    expectNear(await tableOf(shown), further);
    await page.getByRole('button', { name: 'The', exact: true }).click();
    await page.waitForURL(/token=0&against=8&layer=3&head=2&block=1&block-head=3$/);
  });

  test("shows what the adapter's rows and single patches read, by pointer and keyboard", async () => {
    const page = await looking(await explorer.open('device=simd&screen=look&view=adapter&row=6&adapter-head=1'));
    const taps = await reference.taps(inputsUpTo(0), /\.attn\.probs$/);
    const row = taps.get(ADAPTER)!.subarray((Q + 6) * L, (Q + 7) * L);
    expectNear(await tableOf(map(page, 'What row 6 of the adapter read')), row);
    // Row 6 is the third map of the second line.
    const whole = await coloursOf(map(page, 'All rows of the adapter'));
    const tile = Array.from(row, (_, at) => whole[(GRID + Math.floor(at / GRID)) * 4 * GRID + 2 * GRID + (at % GRID)]);
    expect(Math.max(...tile.map((value, at) => Math.abs(value - row[at])))).toBeLessThan(1 / 200);
    expect(await violations(page)).toEqual([]);

    await page.getByRole('button', { name: 'Encoder' }).click();
    await settled(page);
    await choose(page, 'Encoder block', '2');
    const encoder = taps.get(encoderOf(2))!;
    const readBy = (patch: number) =>
      Array.from({ length: L }, (_, to) =>
        Array.from({ length: HEADS }, (_, head) => encoder[head * L * L + patch * L + to] / HEADS).reduce(
          (a, b) => a + b,
        ),
      );
    expectNear(await tableOf(map(page, 'What the patch in row 0, column 0 read')), readBy(0));
    await page.getByRole('application').focus();
    for (const key of ['ArrowDown', 'ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    const chosen = map(page, 'What the patch in row 1, column 2 read');
    expectNear(await tableOf(chosen), readBy(GRID + 2));
    const said = await chosen.locator('output').textContent();
    expect(said).toMatch(/^row 1, column 2: /);
    expectNear([numberOf(said!.split(': ')[1])], [readBy(GRID + 2)[GRID + 2]]);
    // A touch chooses, too.
    const { x, y, width } = (await page.getByRole('application').boundingBox())!;
    await page.mouse.click(x + (4.5 * width) / GRID, y + (0.5 * width) / GRID);
    expectNear(await tableOf(map(page, 'What the patch in row 0, column 4 read')), readBy(4));
  });

  test('hides tiles and patches, and measures what that changes as Node does', async () => {
    const page = await looking(
      await explorer.open('device=simd&screen=look&view=occlusion&tiles=2&token=3', { colorScheme: 'dark' }),
    );
    const { golden } = reference;
    /** The log-probabilities of two tokens of the answer, with some patches in the mean colour. */
    const without = async (hidden: (row: number, column: number) => boolean) => {
      const size = golden.inputs.size;
      const pixels = golden.inputs.pixels.map((value, at) => {
        const [row, column] = [Math.floor(at / size) % size, at % size];
        return hidden(Math.floor(row / 14), Math.floor(column / 14)) ? 0 : value;
      });
      const scores = await reference.taps({ ...inputsUpTo(8), pixels }, /^logits$/);
      const rows = scores.get('logits')!;
      const of = (token: number) => {
        const row = golden.inputs.ids.length - 1 + token;
        return logProbability(rows.subarray(row * VOCABULARY, (row + 1) * VOCABULARY), ANSWER[token]);
      };
      return [of(3), of(8)];
    };
    const whole = await without(() => false);
    const tiles = await Promise.all(
      [0, 1, 2, 3].map((tile) => without((row, column) => 2 * Math.floor(row / 4) + Math.floor(column / 4) === tile)),
    );
    await page.getByRole('button', { name: 'Hide tile by tile' }).click();
    await page.getByText('4 of 4 tiles').waitFor();
    await settled(page);
    const changes = tiles.map(([first]) => first - whole[0]);
    const shown = map(page, 'Change of the log-probability of “␣a”');
    expectNear(await tableOf(shown), changes, 1e-3);
    expectNear(await coloursOf(shown), changes, 2 / 200);
    await choose(page, 'minus', '8');
    const minus = map(page, /^Change of the log-probability of “␣a” minus/);
    expectNear(
      await tableOf(minus),
      tiles.map(([, second], i) => changes[i] - (second - whole[1])),
      1e-3,
    );
    expect(await violations(page)).toEqual([]);

    // The diamond, hidden by keyboard: rows 0 to 3, columns 4 to 7.
    await page.getByRole('application', { name: /^Patches/ }).focus();
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.down('Shift');
    for (const key of ['ArrowRight', 'ArrowDown']) for (let i = 0; i < 3; i++) await page.keyboard.press(key);
    await page.keyboard.up('Shift');
    await page.getByText('16 hidden').waitFor();
    await page.waitForURL(/hidden=4-7%2C12-15%2C20-23%2C28-31$/);
    await page.getByRole('button', { name: 'Ask without these 16 patches' }).press('Enter');
    const came = page.locator('.without dd');
    await came.first().waitFor();
    const [answer, before, , token] = await came.allTextContents();
    expect(before).toBe(answerOf('describe'));
    expect(answer).toMatch(/clock/);
    expect(answer).not.toMatch(/diamond/);
    expectNear(token.split('→').map(numberOf), [whole[0], tiles[1][0]], 1e-3);

    // What runs can be stopped, and what was found stays.
    await choose(page, 'Tiles', '8');
    await page.getByRole('button', { name: 'Hide tile by tile' }).click();
    await page.getByText(/^[1-9]\d* of 64 tiles/).waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByRole('button', { name: 'Hide tile by tile' }).waitFor();
    expect(await map(page, /^Change of the log-probability/).count()).toBe(1);
  });

  test('looks into one of several pictures, and nothing in an address can break it', async () => {
    const question = encodeURIComponent('Which picture shows an apple?');
    const odd = 'token=99&against=-1&layer=1e9&head=<b>&patch=%00&tiles=7&hidden=5-2,9-999,x,3&view=constructor';
    const page = await looking(
      await explorer.open(`device=simd&screen=look&picture=scene-1.png,scene-2.png&question=${question}&of=1&${odd}`),
    );
    const second = await tableOf(map(page, 'Where it looked'));
    await choose(page, 'Picture', '0');
    const first = await tableOf(map(page, 'Where it looked'));
    expect(first).not.toEqual(second);
    const share = [...first, ...second].reduce((sum, value) => sum + value, 0);
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(1);
    await page.getByRole('button', { name: 'Occlusion' }).click();
    await page.getByText('1 hidden').waitFor();
    await page.setViewportSize({ width: 360, height: 700 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });
});
