import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { SHIPPED } from '../../src/explorer/beside.ts';
import { answerOf } from '../answers.ts';
import { answered, asks, drags } from './asks.ts';
import { violations } from './axe.ts';
import { describeExplorer, opened } from './harness.ts';

const sample = (name: string): Promise<Buffer> => readFile(join(SHIPPED.pictures, name));

const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
/** What the camera shows: a film of one picture. */
const film = join(folder, 'scene-3.mjpeg');
copyFileSync(join(SHIPPED.pictures, 'scene-3.jpg'), film);
afterAll(() => rmSync(folder, { recursive: true }));

/** Drags a file of those bytes into the page. */
async function drops(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(folder, name), bytes);
  await drags(page, join(folder, name));
}

/** Waits until the pictures of the question are those. */
const shows = (page: Page, names: readonly string[]): Promise<unknown> =>
  expect.poll(() => page.locator('.pictures bdi').allTextContents()).toEqual(names);

const describe = 'question=What+is+in+the+picture%3F';

describeExplorer(
  'the page: pictures',
  (explorer) => {
    test('answers about pictures that are dropped, pasted and chosen, and keeps them', async () => {
      const page = await explorer.open(`device=simd&${describe}`, {
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      await opened(page);
      await drops(page, 'dropped.jpg', await sample('scene-3.jpg'));
      await shows(page, ['dropped.jpg']);
      await asks(page);
      await answered(page, answerOf('single'));

      await page.evaluate(
        async (bytes) => {
          const picture = new Blob([new Uint8Array(bytes)], { type: 'image/png' });
          await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
        },
        [...(await sample('scene-1.png'))],
      );
      await page.keyboard.press('Control+V');
      await shows(page, ['image.png']);
      await asks(page);
      await answered(page, answerOf('describe'));

      const name = '<img src=x onerror=alert(1)>\u202e.png'; // neither markup nor turned writing
      await page.getByRole('checkbox', { name: /^add to the picture/ }).check();
      const files = page.getByLabel('Files');
      await files.setInputFiles([
        { name, mimeType: 'image/png', buffer: await sample('scene-2.png') },
        { name: 'five.webp', mimeType: 'image/webp', buffer: await sample('scene-5.webp') },
      ]);
      const shown = ['image.png', '<img src=x onerror=alert(1)>\\u202e.png', 'five.webp'];
      await shows(page, shown);
      expect(await violations(page)).toEqual([]);
      await page.reload();
      await shows(page, shown);
      await page.getByRole('button', { name: 'Remove picture 1' }).click();
      await page.getByRole('button', { name: 'Remove picture 1' }).click();
      await opened(page);
      await page.getByRole('button', { name: '图中有什么?' }).click();
      await asks(page);
      await answered(page, answerOf('describe-zh'));
    });

    test('says what is wrong with pictures that cannot be read, and with those that are not here', async () => {
      const page = await explorer.open(`device=simd&picture=own_0123,nowhere.png&${describe}`);
      await opened(page);
      const said = page.getByRole('alert');
      await expect.poll(() => said.count()).toBe(2);
      expect(await said.first().textContent()).toContain('not kept in this browser');
      expect(await page.locator('[type=submit]').isDisabled()).toBe(true);
      await page.getByRole('button', { name: 'scene-3.jpg' }).click();
      await expect.poll(() => said.count()).toBe(0);
      await drops(page, 'cut.png', (await sample('scene-1.png')).subarray(0, 900));
      await said.filter({ hasText: /^cut\.png: a PNG file that cannot be decoded/ }).waitFor();
      await drops(page, 'notes.txt', Buffer.from('no picture'));
      await said.filter({ hasText: /^notes\.txt: neither PNG, JPEG, WebP nor GIF/ }).waitFor();
      const large = await sample('scene-3.jpg');
      const frame = large.indexOf(Buffer.from([0xff, 0xc0]));
      large.writeUInt16BE(60_000, frame + 5);
      large.writeUInt16BE(60_000, frame + 7);
      await drops(page, 'large.jpg', large);
      await said.filter({ hasText: /^large\.jpg: 60000 × 60000 pixels, more than 100 megapixels/ }).waitFor();
      await shows(page, ['scene-3.jpg']); // what was there still is
      const browser = await page.context().newCDPSession(page);
      await browser.send('Storage.overrideQuotaForOrigin', {
        origin: new URL(explorer.address).origin,
        quotaSize: 1000,
      });
      await drops(page, 'kept.jpg', await sample('scene-3.jpg'));
      await said.filter({ hasText: /^kept\.jpg is not kept in this browser \(its storage is full\)/ }).waitFor();
      await shows(page, ['kept.jpg']);
      await asks(page);
      await answered(page, answerOf('single'));
    });

    test('takes a picture with the camera, which is off when it is left, and says why there is none', async () => {
      const page = await explorer.open(`device=simd&${describe}`, { permissions: ['camera'] });
      await opened(page);
      await page.getByRole('button', { name: 'Camera' }).click();
      const film = await page.locator('video').evaluateHandle(async (video: HTMLVideoElement) => {
        while (!video.srcObject) await new Promise(requestAnimationFrame);
        return video.srcObject as MediaStream;
      });
      await page.getByRole('button', { name: 'Take the picture' }).click();
      await shows(page, ['camera']);
      expect(await film.evaluate((stream) => stream.getTracks().map((track) => track.readyState))).toEqual(['ended']);
      await asks(page);
      await answered(page, answerOf('single'));
      await page.evaluate(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
      });
      await page.getByRole('button', { name: 'Camera' }).click();
      await page.getByRole('alert').filter({ hasText: 'the camera is refused' }).waitFor();
    });

    test('asks about a board on which things are put, dragged and moved by keys, and which is in the address', async () => {
      const page = await explorer.open(`device=simd&${describe}`);
      await opened(page);
      await page.getByRole('button', { name: 'Board', exact: true }).click();
      await page.getByRole('button', { name: /^red square, middle at/ }).click();
      await page.keyboard.press('Delete');
      await page.getByLabel('Shapes in').selectOption('green');
      await page.getByRole('button', { name: 'put a green circle on the board' }).click();
      const circle = page.getByRole('button', { name: /^green circle, middle at/ });
      await circle.focus();
      for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Shift+ArrowLeft');
      await page.keyboard.press('-');
      expect(await circle.getAttribute('aria-label')).toBe('green circle, middle at 245, 240, size 280');
      for (let i = 0; i < 2; i++) await page.keyboard.press('+');
      expect(await circle.getAttribute('aria-label')).toBe('green circle, middle at 245, 240, size 320');
      await asks(page); // at once: the board that is asked about is the one that is seen
      await answered(page, 'The picture shows a green circle.');
      const board = (await page.locator('.board .ground').boundingBox())!;
      const at = (x: number, y: number) =>
        [board.x + (x * board.width) / 1000, board.y + (y * board.height) / 1000] as const;
      await page.mouse.move(...at(245, 240));
      await page.mouse.down();
      await page.mouse.move(...at(500, 600));
      await page.mouse.move(...at(745, 740));
      await page.mouse.up();
      const numbers = (await circle.getAttribute('aria-label'))!.match(/\d+/g)!.map(Number);
      expect(Math.hypot(numbers[0] - 745, numbers[1] - 740)).toBeLessThan(8);
      await page.getByRole('button', { name: 'put a cat on the board' }).click();
      const cat = page.getByRole('button', { name: /^cat, middle at/ });
      await cat.waitFor();
      expect(await violations(page)).toEqual([]);
      await expect.poll(() => page.url()).toContain('cat-face');
      await page.reload();
      expect(await circle.getAttribute('aria-label')).toBe(
        `green circle, middle at ${numbers[0]}, ${numbers[1]}, size 320`,
      );
      await cat.focus();
      await page.keyboard.press('Delete');
      await opened(page);
      await page.getByLabel('Question').fill('Where is the green circle?');
      await asks(page);
      await page.getByRole('region', { name: 'Boxes' }).getByRole('listitem').waitFor();
      const text = (await page.locator('output').textContent())!;
      const [left, top, right, bottom] = text.match(/\d+/g)!.map(Number);
      expect(Math.hypot((left + right) / 2 - numbers[0], (top + bottom) / 2 - numbers[1])).toBeLessThan(80);
    });
  },
  [`--use-file-for-fake-video-capture=${film}`],
);
