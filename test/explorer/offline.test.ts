import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { besidePage, copyBeside, SHIPPED } from '../../src/explorer/beside.ts';
import { builtPage } from '../../src/explorer/built.ts';
import { servePage } from '../../src/explorer/server.ts';
import { answerOf } from '../answers.ts';
import { describeExplorer, opened } from './harness.ts';

/** Any host: it knows files and their types, and sends no headers. */
let host: Server;
let folder: string;
let asked: string[] = [];
const STATE = 'device=simd&picture=scene-1.png&question=What%20is%20in%20the%20picture%3F';
const TYPES: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  wasm: 'application/wasm',
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explorer-static-'));
  await cp(await builtPage(), folder, { recursive: true });
  await copyBeside(await besidePage(SHIPPED.model), folder);
  host = createServer(async ({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://host');
    const path = pathname.replace('/some/where/', '') || 'index.html';
    asked.push(path);
    const body = pathname.startsWith('/some/where/')
      ? await readFile(join(folder, path)).catch(() => undefined)
      : undefined;
    response.writeHead(body ? 200 : 404, {
      'Content-Type': TYPES[path.split('.').at(-1)!] ?? 'application/octet-stream',
    });
    response.end(body);
  });
  await new Promise<void>((done) => host.listen(0, '127.0.0.1', done));
});
afterAll(async () => {
  host.closeAllConnections();
  host.close();
  await rm(folder, { recursive: true });
});

describeExplorer('the page: any host, and none', (explorer) => {
  test('says so where the browser has no room to keep it, and works on', async () => {
    const page = await explorer.open('device=simd', { serviceWorkers: 'allow' }, 'about:blank');
    const { origin } = new URL(explorer.address);
    const browser = await page.context().newCDPSession(page);
    await browser.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2 ** 20 });
    await page.goto(`${explorer.address}#device=simd`);
    await page.getByText('Works with a network only: the browser has no room for it.').waitFor();
    expect(await opened(page)).toContain('runs on');
    expect(await page.evaluate('caches.keys()')).toEqual([]); // nothing half kept
  });

  test('runs on threads where the host sends no headers, and answers when the host is gone', async () => {
    const address = `http://127.0.0.1:${(host.address() as AddressInfo).port}/some/where/`;
    const page = await explorer.open(STATE, { serviceWorkers: 'allow' }, address);
    expect(await opened(page)).toMatch(/2 threads$/);
    expect(await page.evaluate('crossOriginIsolated')).toBe(true);
    await page.getByText('Kept in this browser').waitFor();
    expect(asked.filter((path) => path === 'index.html').length).toBeLessThanOrEqual(3); // loaded again once, and kept

    /** The browser looks for a new build at a time of its own: here at once. */
    const visitAgain = async () => {
      await page.reload();
      await opened(page);
      await page.evaluate('navigator.serviceWorker.ready.then((registration) => registration.update())');
    };

    // Another build, of which one file is not what its list says, and then is.
    const worker = join(folder, 'service-worker.js');
    const [before, text] = [await page.evaluate('caches.keys()'), await readFile(worker, 'utf8')];
    expect(before).toEqual([expect.stringMatching(/^\/some\/where\/ [0-9a-f]{16}$/)]);
    const next = text.replace(/(?<=VERSION = ")\w+/, 'next');
    await writeFile(worker, next.replace(/"index.html":"sha256-./, '"index.html":"sha256-+'));
    await visitAgain();
    await page.getByText('not all of its files could be fetched').waitFor();
    expect(await page.evaluate('caches.keys()')).toEqual(before);
    await writeFile(worker, next.replace('next', 'last'));
    await visitAgain();
    await expect.poll(() => page.evaluate('caches.keys()')).toEqual(['/some/where/ last']);
    await page.getByText('Kept in this browser').waitFor();

    host.closeAllConnections();
    await new Promise((done) => host.close(done));
    asked = [];
    await page.reload();
    expect(await opened(page)).toMatch(/2 threads$/);
    await page.locator('[type=submit]').click();
    await page.locator('output', { hasText: answerOf('describe') }).waitFor();
    expect(asked).toEqual([]);
  });

  test('is forgotten where another page has come to its address', async () => {
    const server = await servePage(await builtPage(), SHIPPED.model, 0);
    const page = await explorer.open('device=simd', { serviceWorkers: 'allow' }, server.address);
    await page.getByText('Kept in this browser').waitFor();
    const { port } = new URL(server.address);
    await server.close();
    const other = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('other'));
    await new Promise<void>((done) => other.listen(Number(port), '127.0.0.1', done));
    await page.reload();
    await page.waitForFunction('navigator.serviceWorker.getRegistrations().then((all) => all.length === 0)');
    await page.reload();
    expect(await page.textContent('body')).toBe('other');
    expect(await page.evaluate('crossOriginIsolated')).toBe(false);
    other.closeAllConnections();
    other.close();
  });
});
