import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../tensor/device.ts';
import { writeWhole } from '../write-file.ts';
import { describeMachine, machine } from './machine.ts';
import { higher } from './rates.ts';
import { measureRoofs, type Roofs } from './roofs.ts';

/** Where the user's tools keep what they can make again, or this project's do. */
const FOLDER = process.env.XDG_CACHE_HOME || fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));
const FILE = join(FOLDER, 'qwen-vl-ts', 'roofs.json');

/** Roofs, and whether nothing else ran while they were measured: if something did, they may be too low. */
interface Measured {
  readonly roofs: Roofs;
  readonly quiet: boolean;
}

export interface RoofOptions {
  /**
   * `kept` (the default): those of an earlier run, unless the machine was busy then; `higher`: measured again, as something
   * stands above them, and the higher of both; `anew`: whatever was known before.
   */
  readonly how?: 'kept' | 'higher' | 'anew';
  readonly file?: string;
  /** Told before some seconds pass. */
  readonly measuring?: () => void;
  /** Told what share of the processors other programs took meanwhile, when it is too much: the next run measures again. */
  readonly busy?: (share: number) => void;
  readonly measure?: (device: Device, threads: number) => Promise<{ roofs: Roofs; others: number }>;
}

/** What others may take of the processors without lowering a roof. */
const MOST_OTHERS = 0.1;

/**
 * A device's roofs: those of an earlier run on the same machine and the same device with as many threads, or measured now and
 * kept for the next. A roof is what nothing exceeds: of several measurements the highest counts.
 */
export async function roofsOf(
  device: Device,
  threads: number,
  { how = 'kept', file = FILE, measuring, busy, measure = measureAmongOthers }: RoofOptions = {},
): Promise<Roofs> {
  const key = `${describeMachine(machine())}: ${device.description}`;
  const known = await readCache(file);
  const before = how === 'anew' ? undefined : known[key];
  if (before?.quiet && how === 'kept') return before.roofs;
  measuring?.();
  const { roofs: measured, others } = await measure(device, threads);
  const quiet = others <= MOST_OTHERS;
  if (!quiet) busy?.(others);
  const roofs = before ? higher(before.roofs, measured) : measured;
  const entry: Measured = { roofs, quiet: quiet || before?.quiet === true };
  await writeWhole(file, `${JSON.stringify({ ...known, [key]: entry }, null, 2)}\n`, { remedy: '' }).catch(() => {
    // A folder that cannot be written costs the next run some seconds, nothing else.
  });
  return roofs;
}

async function measureAmongOthers(device: Device, threads: number): Promise<{ roofs: Roofs; others: number }> {
  const [before, own] = [processorTimes(), process.cpuUsage()];
  const roofs = await measureRoofs(device, threads);
  const [after, { user, system }] = [processorTimes(), process.cpuUsage(own)];
  const busy = after.busy - before.busy - (user + system) / 1000;
  return { roofs, others: Math.max(0, busy / Math.max(1, after.all - before.all)) };
}

/** What the processors did since the machine started, in milliseconds. */
function processorTimes(): { all: number; busy: number } {
  const times = cpus().map((processor) => processor.times);
  const all = times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0);
  return { all, busy: all - times.reduce((sum, { idle }) => sum + idle, 0) };
}

/** What is not a cache of roofs is no cache. */
async function readCache(file: string): Promise<Record<string, Measured | undefined>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).filter(([, entry]) => isRoofs(entry?.roofs) && typeof entry.quiet === 'boolean'),
    );
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
