import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../tensor/device.ts';
import { readSmallFile } from '../checkpoint/file-source.ts';
import { parseJson } from '../fields.ts';
import { writeWhole } from '../write-file.ts';
import { describeMachine, machine, watchOthers } from './machine.ts';
import { higher } from './rates.ts';
import { areLow, measureRoofs, type Roofs } from './roofs.ts';

/** Where the user's tools keep what they can make again, or this project's do. */
const FOLDER = process.env.XDG_CACHE_HOME || fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));
const LARGEST_CACHE = 2 ** 20;
const FILE = join(FOLDER, 'qwen-vl-ts', 'roofs.json');

export interface RoofOptions {
  /**
   * `kept` (the default): those of an earlier run, unless the machine was busy then; `higher`: measured again, as something
   * stands above them, and the higher of both; `anew`: whatever was known before.
   */
  readonly how?: 'kept' | 'higher' | 'anew';
  readonly file?: string;
  /** Told before some seconds pass. */
  readonly measuring?: () => void;
  readonly measure?: (device: Device, threads: number) => Promise<Roofs>;
}

/**
 * A device's roofs: those of an earlier run on the same machine and the same device with as many threads, or measured now and
 * kept for the next. A roof is what nothing exceeds: of several measurements the highest counts.
 */
export async function roofsOf(
  device: Device,
  threads: number,
  { how = 'kept', file = FILE, measuring, measure = measureAmongOthers }: RoofOptions = {},
): Promise<Roofs> {
  const key = `${describeMachine(machine())}: ${device.description}`;
  const known = await readCache(file);
  const before = how === 'anew' ? undefined : known[key];
  if (before && how === 'kept' && !areLow(before)) return before;
  measuring?.();
  const measured = await measure(device, threads);
  const roofs = before ? higher(before, measured) : measured;
  await writeWhole(file, `${JSON.stringify({ ...known, [key]: roofs }, null, 2)}\n`, { remedy: '' }).catch(() => {
    // A folder that cannot be written costs the next run some seconds, nothing else.
  });
  return roofs;
}

async function measureAmongOthers(device: Device, threads: number): Promise<Roofs> {
  const others = watchOthers();
  const roofs = await measureRoofs(device, threads);
  return { ...roofs, others: others() };
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
  const { device, multiplyAdd, caches, memory, launch, others } = value as Partial<Record<keyof Roofs, unknown>>;
  const positive = (number: unknown) => typeof number === 'number' && Number.isFinite(number) && number > 0;
  return (
    typeof device === 'string' &&
    [multiplyAdd, memory, launch].every(positive) &&
    typeof others === 'number' && // an earlier version did not know whether the machine was busy
    others >= 0 &&
    Array.isArray(caches) &&
    caches.every((sweep) => positive(sweep?.bytes) && positive(sweep?.rate))
  );
}
