import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PageServer, servePage } from '../../src/explorer/server.ts';

let folder: string;
let server: PageServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explorer-server-'));
  const page = await mkdtemp(join(folder, 'page-'));
  const model = await mkdtemp(join(folder, 'model-'));
  await writeFile(join(page, 'index.html'), '<title>page</title>');
  await writeFile(join(page, 'empty.json'), '');
  await writeFile(join(model, 'config.json'), '0123456789');
  await writeFile(join(model, 'secret.txt'), 'nobody may read this');
  await writeFile(join(folder, 'outside.json'), 'nor this');
  server = await servePage(page, model, 0);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** Asks with the path as it is: `fetch` would tidy it. */
function ask(path: string, { method = 'GET', ...headers }: Record<string, string> = {}, host = '127.0.0.1') {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const { port } = new URL(server.address);
    request({ host, port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (data) => {
        body += data;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('the server of the page', () => {
  test('serves the page isolated, and the model beside it with the list of its files', async () => {
    const page = await ask('/');
    expect([page.status, page.body]).toEqual([200, '<title>page</title>']);
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'x-content-type-options': 'nosniff',
    });
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(JSON.parse((await ask('/model/files.json')).body)).toEqual({ 'config.json': 10 });
    expect((await ask('/model/config.json')).body).toBe('0123456789');
    expect((await ask('/model/config.json?x=1#y')).status).toBe(200);
    expect(await ask('/empty.json')).toMatchObject({ status: 200, body: '' });
  });

  test.each([
    '/../outside.json',
    '/%2e%2e/outside.json',
    '/..%2foutside.json',
    '/..%5coutside.json',
    '/model/..%2f..%2foutside.json',
    '/model/secret.txt',
    '/model/%63onfig.json%00.html',
    '/index.html%00',
    '/%',
    '/model',
    '/model/',
    '//index.html/x',
    '/nothing.js',
  ])('refuses %s', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 404, body: '404' });
  });

  test('refuses whoever came by the name of another site, and what would change something', async () => {
    const { port } = new URL(server.address);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', `127.0.0.1:${port}.evil.example`]) {
      expect(await ask('/', { host })).toMatchObject({ status: 421, body: '421' });
    }
    expect((await ask('/', { host: `localhost:${port}` })).status).toBe(200);
    // On another address of this machine nobody answers.
    await expect(ask('/', {}, '127.0.0.2')).rejects.toThrow('ECONNREFUSED');
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect((await ask('/', { method })).status).toBe(405);
    expect(await ask('/model/config.json', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  test('answers ranges, and says when nothing changed', async () => {
    const part = await ask('/model/config.json', { range: 'bytes=2-4' });
    expect([part.status, part.body, part.headers['content-range']]).toEqual([206, '234', 'bytes 2-4/10']);
    expect((await ask('/model/config.json', { range: 'bytes=8-99' })).body).toBe('89');
    for (const range of ['bytes=10-12', 'bytes=4-2', 'bytes=99999999999999999999-999999999999999999999']) {
      expect((await ask('/model/config.json', { range })).status).toBe(416);
    }
    expect((await ask('/empty.json', { range: 'bytes=0-0' })).status).toBe(416);
    expect((await ask('/model/config.json', { range: 'bytes=x' })).body).toBe('0123456789'); // not understood: all of it
    const tag = part.headers.etag!;
    expect(await ask('/model/config.json', { 'if-none-match': tag })).toMatchObject({ status: 304, body: '' });
    expect((await ask('/model/config.json', { 'if-none-match': '"other"' })).status).toBe(200);
  });
});
