import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { listModel } from './build.ts';
import { LISTING } from './engine/page-folders.ts';

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

/** Isolation lets the page share memory between threads; the rest keeps it to what comes from here. */
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-cache',
};

export interface PageServer {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves a page on this machine, and to nobody else.
 *
 * @param page the folder of the built page
 * @param model a model folder, served beside it as `model/`; nothing else of it is served than what `listModel` names
 * @param port 0 for any that is free
 */
export async function servePage(page: string, model: string, port: number): Promise<PageServer> {
  const files = await listModel(model);
  const server = createServer((request, response) => {
    answer(request, response, { page, model, files }).catch(() => refuse(response, 500));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
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
  readonly model: string;
  readonly files: ReadonlyMap<string, number>;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { page, model, files }: Served,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405);
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return refuse(response, 404);
  if (path === `model/${LISTING}`) {
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES['.json'] });
    response.end(JSON.stringify(Object.fromEntries(files)));
    return;
  }
  const name = path.startsWith('model/') ? path.slice('model/'.length) : undefined;
  if (name !== undefined && !files.has(name)) return refuse(response, 404);
  await sendFile(request, response, name === undefined ? join(page, path) : join(model, name));
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
  const type = { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Accept-Ranges': 'bytes' };
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]), about.size - 1)] : [0, about.size - 1];
  if (range && start > end) return refuse(response, 416);
  const part = range ? { 'Content-Range': `bytes ${start}-${end}/${about.size}` } : {};
  response.writeHead(range ? 206 : 200, { ...HEADERS, ...type, ...part, 'Content-Length': end - start + 1 });
  if (request.method === 'HEAD' || about.size === 0) return void response.end();
  createReadStream(path, { start, end })
    .on('error', () => response.destroy())
    .pipe(response);
}

function refuse(response: ServerResponse, status: number): void {
  if (!response.headersSent) response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain' });
  response.end(String(status));
}
