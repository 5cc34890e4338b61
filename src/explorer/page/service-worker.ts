/**
 * Keeps the page for when there is no network, and says what isolates it where its host cannot. The build puts three constants before
 * this text: it is a script of its own, and imports nothing.
 */
declare const VERSION: string;
declare const HEADERS: Readonly<Record<string, string>>;
/** The files of the build, each with the hash by which the browser checks it. */
declare const FILES: Readonly<Record<string, string>>;

/** What is used of a service worker's world: the page's types do not know it. */
interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
const own = self as typeof self & {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  readonly registration: { unregister(): Promise<boolean> };
  readonly serviceWorker?: { readonly state: string };
};
const on = <Kind extends Event>(name: string, hear: (event: Kind) => void) =>
  self.addEventListener(name, (event) => hear(event as Kind));

const SCOPE = new URL('./', location.href);
const at = (name: string): string => new URL(name, SCOPE).href;

/** Caches belong to the whole host: pages in its other folders have theirs. */
const PREFIX = `${SCOPE.pathname} `;
/** Put into a cache last: one that has it is whole. */
const WHOLE = at('whole');
/** A model is kept up to this size: files of larger ones are read in pieces. */
const LARGEST_MODEL = 64 * 2 ** 20;

on<Lasting>('install', (event) => event.waitUntil(own.skipWaiting()));
on<Lasting>('activate', (event) => event.waitUntil(own.clients.claim()));
on<Fetching>('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && request.url.startsWith(SCOPE.href)) event.respondWith(answer(request, event));
});
on<Lasting & MessageEvent>('message', (event) => {
  if (event.data !== 'keep') return;
  event.waitUntil(keepOnce().then((why) => event.ports[0]?.postMessage(why)));
});

let keeping: Promise<string | undefined> | undefined;

/** Pages that ask while the files are being kept wait for the same: of two, one that fails would throw away what the other has kept. */
function keepOnce(): Promise<string | undefined> {
  keeping ??= keep().finally(() => {
    keeping = undefined;
  });
  return keeping;
}

/** What is asked for, from its host, or as it was kept where the host is not to be reached. */
async function answer(request: Request, event: Lasting): Promise<Response> {
  const { pathname } = new URL(request.url);
  const name = at(pathname === SCOPE.pathname ? 'index.html' : pathname);
  const kept = await (await keptCache())?.match(name);
  // Names of assets end with their content's hash: what is kept is right for good.
  if (kept && name.startsWith(at('assets/'))) return isolated(kept);
  try {
    const response = await fetch(request);
    if (request.mode === 'navigate') event.waitUntil(leaveWithPage());
    if (response.status === 200 && name.startsWith(at('golden/'))) event.waitUntil(keepToo(name, response.clone()));
    return isolated(response);
  } catch (error) {
    if (kept) return isolated(kept);
    throw error;
  }
}

/** Whether this page is still what its address has: another may have come to it, as on a port of one's own machine, and wants nothing of it. */
async function leaveWithPage(): Promise<void> {
  const script = await fetch(at('service-worker.js'), { cache: 'no-cache' }).catch(() => undefined);
  if (!script || (script.ok && script.headers.get('content-type')?.includes('javascript'))) return;
  for (const name of await ownCaches()) await caches.delete(name);
  await own.registration.unregister();
}

/** With the headers that isolate a page. */
function isolated(response: Response): Response {
  if (response.status === 0) return response; // a redirect, which the browser follows
  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(body, { status, statusText, headers });
}

/** Goldens are kept once they were wanted. Without room for them they are fetched again. */
async function keepToo(name: string, response: Response): Promise<void> {
  await (await keptCache())?.put(name, response).catch(() => undefined);
}

const ownCaches = async (): Promise<string[]> => (await caches.keys()).filter((name) => name.startsWith(PREFIX));

/** The one that is whole: this build's, or the one before's until this one's is. */
async function keptCache(): Promise<Cache | undefined> {
  for (const name of await ownCaches()) {
    const cache = await caches.open(name);
    if (await cache.match(WHOLE)) return cache;
  }
  return undefined;
}

/** Whether another build's worker has taken this one's place: what is kept is its concern from then on. */
const isReplaced = (): boolean => own.serviceWorker?.state === 'redundant';

/** Keeps all files of the build and the model as they are now, and forgets another build's. @returns why it could not */
async function keep(): Promise<string | undefined> {
  if (isReplaced()) return undefined;
  const name = `${PREFIX}${VERSION}`;
  const cache = await caches.open(name);
  const whole = await cache.match(WHOLE);
  try {
    if (!whole) for (const [file, integrity] of Object.entries(FILES)) await put(cache, file, { integrity });
    await keepModel(cache);
    await cache.put(WHOLE, new Response());
    for (const other of await ownCaches()) if (other !== name && !isReplaced()) await caches.delete(other);
    return undefined;
  } catch (error) {
    const full = error instanceof DOMException && error.name === 'QuotaExceededError';
    if (whole && !full) return undefined; // there is no network, and all is here
    await caches.delete(name);
    return full ? 'the browser has no room for it' : 'not all of its files could be fetched';
  }
}

async function keepModel(cache: Cache): Promise<void> {
  const list = 'model/files.json';
  const sizes: Readonly<Record<string, number>> = await (await fetched(list)).json();
  if (Object.values(sizes).reduce((sum, size) => sum + size, 0) > LARGEST_MODEL) return;
  for (const file of Object.keys(sizes)) await put(cache, `model/${encodeURIComponent(file)}`);
  await put(cache, list);
}

const put = async (cache: Cache, file: string, options?: RequestInit): Promise<void> =>
  cache.put(at(file), await fetched(file, options));

async function fetched(file: string, options: RequestInit = {}): Promise<Response> {
  const response = await fetch(at(file), { cache: 'no-cache', ...options }); // what the page has fetched is not sent twice
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return response;
}
