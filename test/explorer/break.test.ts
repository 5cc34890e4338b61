import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerOf } from '../answers.ts';
import { violations } from './axe.ts';
import { describeExplorer } from './harness.ts';
import { drawn, expectNear, numberOf, tableOf } from './reading.ts';
import { ANSWER, logProbability, openReference, type Reference, VOCABULARY } from './reference.ts';

let reference: Reference;
beforeAll(async () => {
  reference = await openReference();
});
afterAll(() => reference.close());

const [ENCODER, ADAPTER, DECODER] = [
  'transformer.visual.transformer.resblocks',
  'transformer.visual.attn_pool',
  'transformer.h',
];

/** Every switch that needs one picture, and the first activation that it must spoil. */
const ENTERS: Readonly<Record<string, string>> = {
  channels: 'transformer.visual.conv1',
  'encoder-positions': 'transformer.visual.ln_pre',
  gelu: `${ENCODER}.0.mlp.gelu`,
  'encoder-head.2.1': `${ENCODER}.2.attn.values`,
  'adapter-positions': `${ADAPTER}.attn.q`,
  queries: `${ADAPTER}.ln_q`,
  rows: 'transformer.visual',
  blind: 'transformer.visual',
  ntk: 'transformer.rotary_emb',
  rotary: `${DECODER}.0.attn.q_rotated`,
  'log-n': `${DECODER}.0.attn.q_logn`,
  mask: `${DECODER}.0.attn.scores`,
  'decoder-head.3.2': `${DECODER}.3.attn.values`,
};

const ANSWERED = /^The likeliest answer/;

const outcome = (page: Page) => page.getByRole('region', { name: 'What came of it' });

async function ready(page: Page): Promise<Page> {
  await page.getByRole('group', { name: 'Switches' }).waitFor();
  return page;
}

/** Throws exactly these, and waits for what comes of it. @returns the first activation that is off */
async function breakWith(page: Page, off: string): Promise<string> {
  await page.evaluate((state) => {
    location.hash = state;
  }, `device=simd&screen=break&off=${off}`);
  await drawn(page);
  await page.getByRole('button', { name: 'Break it' }).last().click();
  await drawn(page);
  await outcome(page).waitFor();
  return (await outcome(page).locator('code').textContent())!;
}

/** The two columns of a row of the outcome. */
const rowOf = async (page: Page, name: string | RegExp) =>
  page.getByRole('row', { name }).first().locator('td').allTextContents();

describeExplorer('the page: break it', (explorer) => {
  test('every switch enters where it should, and all before it is the same to the bit', async () => {
    const page = await ready(await explorer.open('device=simd&screen=break'));
    const found: Record<string, string> = {};
    const changes = new Map<string, boolean>();
    for (const off of Object.keys(ENTERS)) {
      found[off] = await breakWith(page, off);
      const [[before, after], [log, brokenLog]] = [await rowOf(page, ANSWERED), await rowOf(page, /^Log-probability/)];
      changes.set(off, before !== after);
      // The two forms of GELU are hardly apart: whether four digits show it depends on the checkpoint.
      if (off !== 'gelu') expect(log, off).not.toBe(brokenLog);
    }
    expect(found).toEqual(ENTERS);
    // What is spoiled in the decoder alone changes the answer, too, and what is hardly wrong does not.
    expect([changes.get('rotary'), changes.get('gelu'), changes.get('blind')]).toEqual([true, false, true]);
    const boxes = await page.getByRole('group', { name: 'Switches' }).getByRole('checkbox').count();
    expect(boxes).toBe(Object.keys(ENTERS).length + 1); // and the order of pictures
  });

  test('shows both models side by side, in numbers that Node finds, by keyboard alone', async () => {
    const page = await ready(await explorer.open('device=simd&screen=break&off=picture-order'));
    expect(await page.getByRole('checkbox', { checked: true }).count()).toBe(0); // there is one picture alone
    const press = async (name: string, role: 'checkbox' | 'radio') => {
      await page.getByRole(role, { name, exact: true }).focus();
      await page.keyboard.press('Space');
    };
    await press("The picture's rows are zeros", 'checkbox');
    await press('A head of the decoder off', 'checkbox');
    await page.getByLabel('A head of the decoder off: head').selectOption('3');
    await press('another answer', 'radio');
    await page.waitForURL(/off=blind%2Cdecoder-head\.0\.3&predicted=other$/);
    await page.getByRole('button', { name: 'Break it' }).last().press('Enter');
    await outcome(page).waitFor();
    await page.getByText('So you predicted.').waitFor();
    expect(await violations(page)).toEqual([]);

    // The sound model's column is what Node's model says.
    const { inputs } = reference.golden;
    const ids = Int32Array.of(...inputs.ids, ...ANSWER.subarray(0, 4));
    const taps = await reference.taps({ ...inputs, ids }, /^logits$/);
    const at = inputs.ids.length - 1 + 3;
    const [sound, broken] = (await rowOf(page, /^␣a −/)).map(numberOf);
    expectNear(
      [sound],
      [logProbability(taps.get('logits')!.subarray(at * VOCABULARY, (at + 1) * VOCABULARY), ANSWER[3])],
      1e-3,
    );
    expect(broken).toBeLessThan(sound);
    const [answer, blind] = await rowOf(page, ANSWERED);
    expect(answer).toBe(answerOf('describe'));
    expect(blind).not.toBe(answer);

    // Where the first token looked is what the other screen says of it.
    const looked = await tableOf(page.getByRole('figure', { name: 'As it is', exact: true }));
    await page.getByRole('button', { name: 'Where it looked' }).click();
    await page.locator('.view[aria-busy=false]').waitFor();
    expectNear(await tableOf(page.getByRole('figure', { name: 'Where it looked' })), looked);
    await page.goBack();
    await outcome(page).waitFor(); // it is still there
    await page.setViewportSize({ width: 360, height: 700 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });

  test('exchanges pictures where there are two, and leaves out what an address makes up', async () => {
    const question = encodeURIComponent('Which picture shows an apple?');
    const off = 'picture-order,nonsense,decoder-head.77.x,decoder-head.1.9.9,<img src=x>';
    const page = await ready(
      await explorer.open(`device=simd&screen=break&picture=scene-1.png,scene-2.png&question=${question}&off=${off}`),
    );
    expect(await page.getByRole('group', { name: 'Switches' }).getByRole('checkbox', { checked: true }).count()).toBe(
      2,
    );
    await page.getByRole('button', { name: 'Break it' }).last().click();
    await outcome(page).waitFor();
    expect(await outcome(page).locator('code').textContent()).toBe('transformer.visual.conv1');
    expect(await rowOf(page, ANSWERED)).toHaveLength(2);
  });
});
