import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Device } from '../../../tensor/device.ts';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { openFile, readSmallFile } from '../../checkpoint/file-source.ts';
import { openCheckpoint } from '../../checkpoint/folder.ts';
import { residence } from '../../checkpoint/memory.ts';
import { CheckpointError } from '../../error.ts';
import { isObject, parseJson } from '../../fields.ts';
import { modelOn } from '../../generate/model-on.ts';
import { freeModel } from '../../model/qwen-vl.ts';
import { quote } from '../../quote.ts';
import type { Mode, TapMeasurement } from '../compare.ts';
import { toLine } from '../line.ts';
import { isFile, opening } from '../open.ts';
import { randomModel } from '../random-model.ts';
import { sha256 } from '../sha256.ts';
import { canForce, compareGradients } from './compare-gradients.ts';
import { type GradientGolden, openGradientGolden } from './gradient-golden.ts';

/** A golden of gradients on disk, and the model it is of. */
export interface GradientCase {
  readonly name: string;
  readonly kind: 'gradient' | 'trained-gradient';
  readonly provenance: Readonly<Record<string, string>>;
  open(): Promise<OpenedGradients>;
  compare(device: Device, options: GradientRunOptions): Promise<Partial<Record<Mode, TapMeasurement[]>>>;
}

export interface OpenedGradients {
  readonly golden: GradientGolden;
  readonly checkpoint: Checkpoint;
  close(): Promise<void>;
}

export interface GradientRunOptions {
  readonly modes: readonly Mode[];
  readonly wanted: (tap: string) => boolean;
  readonly onProgress?: (mode: Mode, done: number, total: number) => void;
  /** See `openSystem`. */
  readonly memory?: number | undefined;
}

const ENDING = /(\.f64)?\.safetensors$|\.json$/;
const LARGEST_JSON = 4 * 2 ** 20;

/** The folder within a checkpoint's for goldens of its gradients. */
const AT_HOME = 'gradients';

/**
 * Finds goldens of gradients: `grad-X.safetensors`, its float64 twin `grad-X.f64.safetensors` and `grad-X.json`. Those of a checkpoint are
 * in its sub-folder `gradients`; elsewhere `grad-X.json` names a random model, whose files are in the folder `quirks` beside the golden's.
 *
 * @param path a folder of them, a checkpoint's folder, any of a golden's files, or what their names begin with, `grad-` or not
 * @param model the checkpoint's folder, if it is another
 * @returns none where there are none
 * @throws CheckpointError for one that does not say what it is of
 */
export async function findGradientGoldens(path: string, model?: string): Promise<GradientCase[]> {
  for (const folder of [path, join(path, AT_HOME)]) {
    const here = await namesIn(folder);
    if (here.length > 0) return Promise.all(here.map((name) => gradientCase(join(folder, name), model)));
  }
  const prefix = path.replace(ENDING, '');
  const beside = await namesIn(dirname(prefix));
  const name = [basename(prefix), `grad-${basename(prefix)}`].find((each) => beside.includes(each));
  return name === undefined ? [] : [await gradientCase(join(dirname(prefix), name), model)];
}

/** The goldens of a folder; none of what is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  const files = new Set(await readdir(folder).catch(() => []));
  const names = [...files].flatMap((file) => /^(grad-.+?)(?<!\.f64)\.safetensors$/.exec(file)?.[1] ?? []);
  return names.filter((name) => files.has(`${name}.json`)).sort();
}

async function gradientCase(base: string, folder: string | undefined): Promise<GradientCase> {
  const about = parseJson(await readSmallFile(`${base}.json`, LARGEST_JSON), `${base}.json`);
  const said = isObject(about) ? about : {};
  const model = folder ?? (await ownerOf(base)) ?? (await besides(base, said.model));
  const open = async () => openFiles(base, model);
  return {
    name: basename(base),
    kind: typeof model === 'string' ? 'trained-gradient' : 'gradient',
    provenance: {
      file: toLine(`${basename(base)}.safetensors`),
      ...(typeof said.provenance === 'string' ? { made: toLine(said.provenance) } : {}),
      ...(await hashes(base)),
    },
    open,
    async compare(device, options) {
      const { golden, checkpoint, close } = await open();
      try {
        return await compareModes(golden, checkpoint, device, options);
      } finally {
        await close();
      }
    },
  };
}

/** The checkpoint that a golden stands within. */
async function ownerOf(base: string): Promise<string | undefined> {
  const folder = dirname(resolve(base));
  if (basename(folder) !== AT_HOME) return undefined;
  return (await isFile(join(dirname(folder), 'config.json'))) ? dirname(folder) : undefined;
}

/** What the name of a random model's files begins with: it may name no other folder. */
async function besides(base: string, model: unknown): Promise<{ readonly beside: string }> {
  const refuse = (found: string) =>
    new CheckpointError(`${base}.json`, found, "name its checkpoint's folder with --model");
  if (typeof model !== 'string' || !/^\w[\w.-]*$/.test(model)) {
    throw refuse(`the model is ${quote(model)}, expected a name`);
  }
  const beside = join(dirname(base), '..', 'quirks', model);
  if (await isFile(`${beside}.config.json`)) return { beside };
  throw refuse(`the model ${quote(model)} is not in the folder quirks beside the golden's`);
}

async function hashes(base: string): Promise<Record<string, string>> {
  const hash = async (path: string) => {
    const file = await openFile(path);
    return sha256(file).finally(() => file.close());
  };
  return {
    sha256: await hash(`${base}.safetensors`),
    'sha256 of float64': await hash(`${base}.f64.safetensors`),
  };
}

const openFiles = (base: string, model: string | { readonly beside: string }): Promise<OpenedGradients> =>
  opening(async (open) => {
    const checkpoint = typeof model === 'string' ? await openCheckpoint(model) : await randomModel(model.beside, open);
    try {
      const [stored, twin] = [await open(`${base}.safetensors`), await open(`${base}.f64.safetensors`)];
      return { golden: await openGradientGolden(stored, twin, checkpoint.config), checkpoint };
    } catch (error) {
      await checkpoint.close();
      throw error;
    }
  });

async function compareModes(
  golden: GradientGolden,
  checkpoint: Checkpoint,
  device: Device,
  { modes, wanted, onProgress, memory }: GradientRunOptions,
): Promise<Partial<Record<Mode, TapMeasurement[]>>> {
  const possible = modes.filter((mode) => mode !== 'forced' || canForce(golden));
  if (possible.length === 0) {
    throw new CheckpointError(golden.name, 'of what stands between blocks it keeps samples alone', 'use --mode free');
  }
  const model = modelOn(device, checkpoint, residence(checkpoint, device.driver, memory));
  try {
    const measured: Partial<Record<Mode, TapMeasurement[]>> = {};
    for (const mode of possible) {
      const told = (done: number, total: number) => onProgress?.(mode, done, total);
      measured[mode] = await compareGradients(model, golden, { mode, wanted, onProgress: told });
    }
    return measured;
  } finally {
    freeModel(model);
    await device.queue.idle();
  }
}
