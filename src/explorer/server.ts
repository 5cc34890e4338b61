import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Beside, besidePage, listingOf } from './beside.ts';
import { LISTING } from './engine/page-folders.ts';
import { HEADERS as ISOLATED } from './headers.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
};

/** What is kept is asked for again, by its tag: a build or a model may have changed behind the same address. */
const HEADERS = { ...ISOLATED, 'Cache-Control': 'no-cache' };

export interface PageServer {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves a page on this machine, and to nobody else: neither to other machines, nor to pages of other sites whose name was made to
 * lead here.
 *
 * @param page the folder of the built page
 * @param model a model folder, served beside it as `model/`; nothing else of it is served than what `besidePage` names
 * @param port 0 for any that is free
 */
export async function servePage(page: string, model: string, port: number): Promise<PageServer> {
  const beside = await besidePage(model);
  let hosts: readonly string[] = [];
  const server = createServer((request, response) => {
    if (!hosts.includes(request.headers.host ?? '')) return refuse(response, 421);
    answer(request, response, { page, beside }).catch(() => refuse(response, 500));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  hosts = [`127.0.0.1:${bound}`, `localhost:${bound}`];
  return {
    address: `http://127.0.0.1:${bound}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Served {
  readonly page: string;
  readonly beside: Beside;
}

async function answer(request: IncomingMessage, response: ServerResponse, { page, beside }: Served): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return refuse(response, 404);
  const [, folder, name] = /^([^/]+)\/(.*)$/.exec(path) ?? [];
  const files = beside.get(folder);
  if (!files) return sendFile(request, response, join(page, path));
  const file = files.get(name);
  if (file) return sendFile(request, response, file.path);
  if (name !== LISTING) return refuse(response, 404);
  response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES['.json'] });
  response.end(listingOf(files));
}

/** The path below the page's folder that an address means; undefined where it leaves it. */
function pathOf(url: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname).slice(1);
  } catch {
    return undefined;
  }
  if (path.includes('\0') || path.includes('\\') || normalize(path).split(sep).includes('..')) return undefined;
  return path === '' ? 'index.html' : path;
}

async function sendFile(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const about = await stat(path).catch(() => undefined);
  if (!about?.isFile()) return refuse(response, 404);
  const tag = `"${about.size.toString(36)}-${about.mtimeMs.toString(36)}"`;
  const type = {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    ETag: tag,
  };
  if (request.headers['if-none-match'] === tag) return void response.writeHead(304, { ...HEADERS, ETag: tag }).end();
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), about.size - 1)] : [0, about.size - 1];
  if (range && start > end) return refuse(response, 416);
  const part = range ? { 'Content-Range': `bytes ${start}-${end}/${about.size}` } : {};
  response.writeHead(range ? 206 : 200, { ...HEADERS, ...type, ...part, 'Content-Length': end - start + 1 });
  if (request.method === 'HEAD' || about.size === 0) return void response.end();
  // Whoever goes away before the end is no error; a file that cannot be read to its end ends the connection.
  await pipeline(createReadStream(path, { start, end }), response).catch(() => response.destroy());
}

function refuse(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain' });
  response.end(String(status));
}
