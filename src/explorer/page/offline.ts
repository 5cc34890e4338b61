import { signal } from '@preact/signals';

/** Whether the page is kept for when there is no network: why not, in a few words; undefined while that is not known. */
export const kept = signal<true | string | undefined>(undefined);

/** Says in this window that the page was loaded again to be isolated: once is enough. */
const TRIED = 'isolating';
const PATIENCE_MILLISECONDS = 3000;

const workers: ServiceWorkerContainer | undefined = navigator.serviceWorker; // only where the connection is safe

let settled: Promise<void> | undefined;

/** Starts the service worker, once. A page that its host does not isolate is loaded again, through it: then this never ends. */
export function isolated(): Promise<void> {
  settled ??= settle();
  return settled;
}

async function settle(): Promise<void> {
  if (self.crossOriginIsolated) remember(false);
  if (!workers) return;
  const controlled = new Promise((resolve) => {
    if (workers.controller) resolve(undefined);
    workers.addEventListener('controllerchange', resolve, { once: true });
    setTimeout(resolve, PATIENCE_MILLISECONDS);
  });
  const registered = workers.register('service-worker.js').catch(() => undefined);
  if (self.crossOriginIsolated || !(await registered)) return;
  await controlled;
  if (!workers.controller || !remember(true)) return;
  location.reload();
  await new Promise(() => undefined);
}

/** @returns whether it is remembered, and was not before */
function remember(tried: boolean): boolean {
  try {
    const before = sessionStorage.getItem(TRIED);
    if (tried) sessionStorage.setItem(TRIED, 'yes');
    else sessionStorage.removeItem(TRIED);
    return before === null;
  } catch {
    return false; // a browser that stores nothing
  }
}

/** Has the page kept, now and whenever a new build's service worker takes over. */
export function keepOffline(): void {
  let asked: MessagePort | undefined;
  const keep = (): void => {
    asked?.close(); // what the one before says does not count any more
    const { port1, port2 } = new MessageChannel();
    asked = port1;
    port1.onmessage = ({ data }: MessageEvent<string | undefined>) => {
      kept.value = data ?? true;
    };
    workers?.controller?.postMessage('keep', [port2]);
  };
  keep();
  workers?.addEventListener('controllerchange', keep);
}
