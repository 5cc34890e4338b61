import { signal } from '@preact/signals';
import type { DeviceName } from '../../open-device.ts';
import type { ModelSource, Opened } from '../engine/open.ts';
import { inAddress } from './address.ts';
import { call, onEngineBroken, onEngineStopped, stopEngine } from './engine.ts';
import { isolated } from './offline.ts';

/** The devices that a page can choose, fastest first. */
export const PAGE_DEVICES = [
  'auto',
  'simd',
  'webgpu',
  'webgl2',
  'webasm',
  'cpu',
] as const satisfies readonly DeviceName[];
type PageDevice = (typeof PAGE_DEVICES)[number];

/** What was chosen; what really runs is in `opened`. */
export const device = inAddress('device', 'auto');
export const threads = inAddress('threads', '');

/** The model as it is open now; undefined while none is. */
export const opened = signal<Opened | undefined>(undefined);
/** Bytes fetched so far, while one is being opened: as it is from the beginning. */
export const opening = signal<number | undefined>(0);
/** Why the last one did not open. */
export const refused = signal<string | undefined>(undefined);

/** The model that the page comes with. */
export const SHIPPED: ModelSource = { address: new URL('model', document.baseURI).href };
/** The one that is open, or was last. */
export const source = signal<ModelSource>(SHIPPED);
/** Whether the engine cannot go on with the model that is open: a device was lost, or memory ran out. */
export const broken = signal(false);

/** A page shares memory between threads only where its server isolates it from others. */
export const mostThreads = (): number =>
  self.crossOriginIsolated ? Math.max(1, Math.min(4, navigator.hardwareConcurrency)) : 1;

/** Opens the model again: on the device that is chosen now, or another one. What was open stays where that fails. */
export function openModel(from: ModelSource = source.value): Promise<void> {
  const work = opens(from).finally(() => {
    if (settling === work) opening.value = undefined;
  });
  settling = work;
  return work;
}

/** After a fault: anew, with what the engine held given back, or, where it is well, as before. */
export async function openAgain(): Promise<void> {
  if (broken.value) stopEngine('the model is opened again');
  await openModel();
}

let settling: Promise<void> | undefined;

/** Waits until no model is being opened. What is open then is in `opened`. */
export async function modelSettled(): Promise<void> {
  for (let waited: typeof settling; waited !== settling; ) {
    waited = settling;
    await waited;
  }
}

async function opens(from: ModelSource): Promise<void> {
  opening.value = 0;
  refused.value = undefined;
  await isolated();
  const argument = { device: chosenDevice(), threads: chosenThreads(), model: from };
  const onReport = ({ bytes }: { readonly bytes: number }) => {
    opening.value = bytes;
  };
  try {
    opened.value = await call('open', argument, { onReport });
    source.value = from;
    broken.value = false;
  } catch (error) {
    refused.value = (error as Error).message;
  }
}

/** An address can say anything. */
const chosenDevice = (): PageDevice => PAGE_DEVICES.find((name) => name === device.value) ?? 'auto';

function chosenThreads(): number {
  const given = Number(threads.value);
  const most = mostThreads();
  return Number.isSafeInteger(given) && given > 0 ? Math.min(given, most) : most;
}

onEngineStopped((why) => {
  opened.value = undefined;
  refused.value = why;
  broken.value = false;
});

onEngineBroken((why) => {
  broken.value = true;
  refused.value = why;
});
