import { copyFile, mkdir, readdir, realpath, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, SHIPPED_MODEL } from '../shipped.ts';
import { LISTING } from './engine/page-folders.ts';

/** The model that the page comes with, and pictures to ask it about. */
export const SHIPPED = { model: SHIPPED_MODEL, pictures: join(SHIPPED_MODEL, 'pictures') };

/** What of a model folder the page reads. */
const MODEL_FILES = /^(config|generation_config|quantize_config)\.json$|\.(bin|safetensors|index\.json|tiktoken)$/;

/** What of a folder of goldens the page reads: those of the smallest random model, and one of the model that comes along. */
const GOLDENS = [
  { folder: join(ROOT, 'golden/quirks'), files: /^model-e\./, of: undefined },
  { folder: join(SHIPPED.model, 'activations'), files: /^describe\./, of: SHIPPED.model },
];

/** Files by the names that the page knows them by. */
type Files = ReadonlyMap<string, { readonly path: string; readonly bytes: number }>;

/** What lies beside the built page, by the folder: `model`, and `golden`, those that can be compared with it. */
export type Beside = ReadonlyMap<string, Files>;

/** What lies beside the page of a model. */
export async function besidePage(model: string): Promise<Beside> {
  const own = await realpath(model);
  const fitting = GOLDENS.filter(({ of }) => of === undefined || of === own);
  const goldens = await Promise.all(fitting.map(({ folder, files }) => filesIn(folder, files)));
  return new Map([
    ['model', await filesIn(model, MODEL_FILES)],
    ['golden', new Map(goldens.flatMap((files) => [...files]))],
  ]);
}

async function filesIn(folder: string, wanted: RegExp): Promise<Files> {
  const names = (await readdir(folder)).filter((name) => wanted.test(name)).sort();
  const all = names.map(async (name) => {
    const path = join(folder, name);
    return [name, { path, bytes: (await stat(path)).size }] as const;
  });
  return new Map(await Promise.all(all));
}

/** The list by which the page reads such a folder, which it cannot list. */
export const listingOf = (files: Files): string =>
  JSON.stringify(Object.fromEntries([...files].map(([name, { bytes }]) => [name, bytes])));

/** Puts it beside the page for good, for hosts that serve one folder. */
export async function copyBeside(beside: Beside, page: string): Promise<void> {
  for (const [name, files] of beside) {
    await mkdir(join(page, name));
    for (const [file, { path }] of files) await copyFile(path, join(page, name, file));
    await writeFile(join(page, name, LISTING), listingOf(files));
  }
}
