import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { asCheckpointError, openFile } from '../checkpoint/file-source.ts';
import type { FileSource } from '../checkpoint/files.ts';
import { adapted, openAdapted } from '../checkpoint/lora.ts';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import { CheckpointError } from '../error.ts';
import { createTokenizer } from '../input/text/tokenizer.ts';
import { quoteSome } from '../quote.ts';
import { readFingerprints } from './full-size/stored-fingerprints.ts';
import { type Golden, openGolden } from './golden.ts';
import { toLine } from './line.ts';
import { randomModel } from './random-model.ts';
import { sha256 } from './sha256.ts';
import type { Kind } from './tolerances.ts';

/** A golden on disk, and the model it is of. */
export interface GoldenCase {
  readonly name: string;
  readonly kind: Kind;
  open(): Promise<OpenedCase>;
}

export interface OpenedCase {
  readonly golden: Golden;
  readonly checkpoint: Checkpoint;
  /** The text of a token id, where the model has a vocabulary. */
  readonly text: ((id: number) => string) | undefined;
  close(): Promise<void>;
}

const ACTIVATIONS = '.activations.safetensors';
const TWIN = '.f64.safetensors';

/**
 * Finds goldens. A golden of a random model is `X.activations.safetensors` beside `X.config.json` and
 * `X.weights.safetensors`; one of a checkpoint is `X.safetensors` in that checkpoint's sub-folder `activations`. Float64
 * twins are in `X.activations.f64.safetensors` and `X.f64.safetensors`, fingerprints in `X.fingerprints.json` and
 * `X.fingerprints.f64.json`.
 *
 * @param path a folder of goldens, a checkpoint's folder, any of a golden's files, or what their names begin with
 * @param model the checkpoint's folder, if it is another
 * @param adapter the folder of a LoRA adapter to put on
 * @throws CheckpointError when there are none
 */
export async function findGoldens(path: string, model?: string, adapter?: string): Promise<GoldenCase[]> {
  const found = await goldensAt(path, { model, adapter });
  if (found.length > 0) return found;
  const apart = await goldensApart(path);
  if (apart.length > 0) {
    const remedy = 'name one of them, its model with --model, and with --adapter what is put on it';
    throw new CheckpointError(path, `its goldens (${quoteSome(apart)}) do not say of which model they are`, remedy);
  }
  throw new CheckpointError(
    path,
    'there is no golden',
    `name a folder with ${ACTIVATIONS} files, or a checkpoint with activations/`,
  );
}

/** What a folder keeps in `activations` although it is no model, as one of adapters does. */
async function goldensApart(path: string): Promise<string[]> {
  const home = basename(resolve(path)) === 'activations' ? path : join(path, 'activations');
  const files = (await isFolder(home)) ? await list(home) : [];
  return files
    .filter((file) => file.endsWith('.safetensors') && !file.endsWith(TWIN))
    .map((file) => join('activations', file.slice(0, -'.safetensors'.length)))
    .sort();
}

/** Which model a golden is compared with, if it is not its own. */
interface Wanted {
  readonly model?: string | undefined;
  readonly adapter?: string | undefined;
}

/** As `findGoldens`, none where there are none. */
export const goldensAt = async (path: string, wanted: Wanted): Promise<GoldenCase[]> =>
  (await isFolder(path)) ? inFolder(path, wanted) : asPrefix(path, wanted);

async function inFolder(folder: string, { model, adapter }: Wanted): Promise<GoldenCase[]> {
  const files = new Set(await list(folder));
  if (files.has('activations') && files.has('config.json'))
    return inFolder(join(folder, 'activations'), { model: model ?? folder, adapter });
  // Beside goldens of gradients there are other tensors than activations, whose files say what they are.
  const ending = [...files].some((file) => file.startsWith('grad-')) ? ACTIVATIONS : '.safetensors';
  const names = [...files].filter((file) => file.endsWith(ending) && !file.endsWith(TWIN)).sort();
  const cases = await Promise.all(
    names.map(async (file) => {
      const name = file.slice(0, -(file.endsWith(ACTIVATIONS) ? ACTIVATIONS : '.safetensors').length);
      const random = file.endsWith(ACTIVATIONS) && files.has(`${name}.weights.safetensors`);
      if (random && model === undefined) return randomCase(join(folder, name), adapter);
      const owner = model ?? dirname(resolve(folder));
      const owned =
        model !== undefined ||
        (basename(resolve(folder)) === 'activations' && (await isFile(join(owner, 'config.json'))));
      return owned ? trainedCase(join(folder, file), name, { model: owner, adapter }) : undefined;
    }),
  );
  return cases.filter((each) => each !== undefined);
}

/** A golden by one of its files, or by what their names have in common. */
async function asPrefix(path: string, wanted: Wanted): Promise<GoldenCase[]> {
  const prefix = path.replace(/(\.config\.json|(\.(weights|activations))?(\.f64)?\.safetensors)$/, '');
  if (!(await isFolder(dirname(prefix)))) return [];
  return (await inFolder(dirname(prefix), wanted)).filter(({ name }) => name === basename(prefix));
}

function randomCase(base: string, adapter: string | undefined): GoldenCase {
  const name = basename(base);
  return {
    name,
    kind: 'random',
    open: () =>
      opening(async (open) => {
        const golden = await openFiles(`${base}${ACTIVATIONS}`, `${base}.activations${TWIN}`, name, open);
        const own = await randomModel(base, open);
        const checkpoint = adapter === undefined ? own : await adapted(own, adapter);
        return { golden, checkpoint, text: undefined };
      }),
  };
}

function trainedCase(file: string, name: string, { model, adapter }: Wanted & { model: string }): GoldenCase {
  return {
    name,
    kind: 'trained',
    open: () =>
      opening(async (open) => {
        const golden = await openFiles(file, file.replace(/\.safetensors$/, TWIN), name, open);
        const checkpoint = await openAdapted(model, adapter);
        try {
          return { golden, checkpoint, text: await readVocabulary(model, checkpoint) };
        } catch (error) {
          await checkpoint.close();
          throw error;
        }
      }),
  };
}

/** Opens files for a case; they stay open until the case is closed, or are closed when it cannot be opened. */
export async function opening<Opened extends { readonly checkpoint: Checkpoint }>(
  work: (open: (path: string) => Promise<FileSource>) => Promise<Opened>,
): Promise<Opened & { close(): Promise<void> }> {
  const files: FileSource[] = [];
  const closeFiles = async () => void (await Promise.all(files.map((file) => file.close())));
  try {
    const opened = await work(async (path) => {
      const file = await openFile(path);
      files.push(file);
      return file;
    });
    return {
      ...opened,
      async close() {
        await opened.checkpoint.close();
        await closeFiles();
      },
    };
  } catch (error) {
    await closeFiles();
    throw error;
  }
}

async function openFiles(
  path: string,
  twin: string,
  name: string,
  open: (path: string) => Promise<FileSource>,
): Promise<Golden> {
  const activations = await open(path);
  const twins = (await exists(twin)) ? await open(twin) : undefined;
  const opened = await openGolden(activations, twins, { name });
  const hashes = {
    sha256: await sha256(activations),
    ...(twins ? { 'sha256 of float64': await sha256(twins) } : {}),
  };
  const golden = { ...opened, provenance: { ...opened.provenance, file: toLine(basename(path)), ...hashes } };
  const base = path.replace(/(\.activations)?\.safetensors$/, '.fingerprints');
  // Where the exporter kept fingerprints, the file before holds the inputs alone; else they are left from an earlier run.
  if (golden.taps.size > 0 || !(await exists(`${base}.json`))) return golden;
  const exact = (await exists(`${base}.f64.json`)) ? `${base}.f64.json` : undefined;
  return { ...golden, taps: await readFingerprints(`${base}.json`, exact, golden.inputs.ids) };
}

/** Token texts, only to make reports readable: a checkpoint without its vocabulary is verified as well. */
async function readVocabulary(folder: string, { config }: Checkpoint): Promise<OpenedCase['text']> {
  const path = join(folder, 'qwen.tiktoken');
  if (!(await exists(path))) return undefined;
  const tokenizer = createTokenizer(await readVocabularyFile(path), path, config.visual.n_queries);
  return (id) => tokenizer.decode([id]);
}

/** Whether anything has this name: what it is, and whether it can be read, shows when it is opened. */
const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );
/** Whether there is a regular file of this name. */
export const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() ?? false;
const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw asCheckpointError(error, folder);
  }
}
