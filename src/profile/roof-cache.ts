import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../tensor/device.ts';
import { readSmallFile } from '../checkpoint/file-source.ts';
import { parseJson } from '../fields.ts';
import { describeMachine, machine } from './machine.ts';
import { measureRoofs, type Roofs } from './roofs.ts';

/** Where the user's tools keep what they can make again, or this project's do. */
const FOLDER = process.env.XDG_CACHE_HOME || fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));
const LARGEST_CACHE = 2 ** 20;
const FILE = join(FOLDER, 'qwen-vl-ts', 'roofs.json');

/**
 * A device's roofs: those of an earlier run on the same machine and the same device with as many threads, or measured now and
 * kept for the next.
 *
 * @param refresh measures in any case
 * @param measuring told that some seconds will pass
 */
export async function roofsOf(
  device: Device,
  threads: number,
  { refresh = false, file = FILE, measuring }: { refresh?: boolean; file?: string; measuring?: () => void } = {},
): Promise<Roofs> {
  const key = `${describeMachine(machine())}: ${device.description}`;
  const known = await readCache(file);
  const found = known[key];
  if (found && !refresh) return found;
  measuring?.();
  const roofs = await measureRoofs(device, threads);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify({ ...known, [key]: roofs }, null, 2)}\n`);
  } catch {
    // A folder that cannot be written costs the next run some seconds, nothing else.
  }
  return roofs;
}

/** What is not a cache of roofs is no cache. */
async function readCache(file: string): Promise<Record<string, Roofs | undefined>> {
  try {
    const value: unknown = parseJson(await readSmallFile(file, LARGEST_CACHE), file);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter(([, entry]) => isRoofs(entry)));
  } catch {
    return {};
  }
}

function isRoofs(value: unknown): value is Roofs {
  if (typeof value !== 'object' || value === null) return false;
  const { device, multiplyAdd, caches, memory, launch } = value as Partial<Record<keyof Roofs, unknown>>;
  const positive = (number: unknown) => typeof number === 'number' && Number.isFinite(number) && number > 0;
  return (
    typeof device === 'string' &&
    [multiplyAdd, memory, launch].every(positive) &&
    Array.isArray(caches) &&
    caches.every((sweep) => positive(sweep?.bytes) && positive(sweep?.rate))
  );
}
