/** What a command writes is checked before it works: minutes later it would be too late. */
import { access, constants, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from '../error.ts';
import { quote } from '../quote.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { type Options, SHIPPED_GOLDENS } from './options.ts';
import { pathFor } from './pictures.ts';

const OUTPUTS = ['boxes', 'output', 'html', 'json', 'trace', 'resume'] as const;
const INPUTS = ['adapter', 'golden', 'judge', 'tolerances', 'from'] as const;

/** What is read in the folder of a checkpoint or of goldens, and of a golden that is named without an ending. */
const READ = /(^|[._])(config|index)\.json$|^grad-[^.]+\.json$|\.(safetensors|bin|tiktoken)$/;

/** @throws InputError for an output that cannot be written, that is also read, or that two options name */
export async function checkOutputs(words: readonly string[], options: Options): Promise<void> {
  if (options.out === '') throw new InputError('--out', 'an empty name', 'name a folder with --out');
  const outputs = OUTPUTS.flatMap((name) => {
    const path = options[name];
    return path === undefined ? [] : [{ option: name === 'output' ? '-o' : `--${name}`, path }];
  });
  if (outputs.length === 0) return;
  const named = INPUTS.flatMap((name) => (name in options ? [(options as Record<string, string>)[name]] : []));
  const shipped = SHIPPED_GOLDENS.flatMap(({ path, model, adapter }) => [path, model ?? [], adapter ?? []].flat());
  const inputs = [...words, ...named, options.model ?? SHIPPED_MODEL, ...shipped];
  for (const { option, path } of outputs) {
    await checkOutput(path, inputs, option);
    const same = outputs.find((other) => other.option !== option && resolve(other.path) === resolve(path));
    if (same) throw new InputError(option, `${quote(path)}, which is what ${same.option} writes`, 'name two files');
  }
}

/**
 * @param inputs files, folders, names of goldens, and words that are none of these
 * @throws InputError
 */
export async function checkOutput(path: string, inputs: readonly string[], option: string): Promise<void> {
  const remedy = `choose another file with ${option}`;
  if (path === '') throw new InputError(option, 'an empty name', remedy);
  // A path through a folder that is not there yet, as in new/../file, can be written all the same.
  const there = (await statOf(path)) ?? (await statOf(resolve(path)));
  if (!there) return checkFolder(path, remedy);
  if (there.isDirectory()) throw new InputError(path, 'it is a folder', remedy);
  if (!there.isFile()) return; // a pipe or a terminal
  for (const file of (await Promise.all(inputs.map(filesOf))).flat()) {
    const read = await statOf(file);
    if (read?.ino === there.ino && read.dev === there.dev) {
      throw new InputError(path, `it is what is read (${quote(file)})`, remedy);
    }
  }
}

/** Of whatever the file system does not want to talk about, reading and writing tell more. */
const statOf = (path: string) => stat(path).catch(() => undefined);

/** The first folder above that is there has to be one, and to take files. */
async function checkFolder(path: string, remedy: string): Promise<void> {
  let folder = dirname(resolve(path));
  let found = await statOf(folder);
  while (!found && dirname(folder) !== folder) {
    folder = dirname(folder);
    found = await statOf(folder);
  }
  if (found && !found.isDirectory()) throw new InputError(path, `${quote(folder)} is no folder`, remedy);
  await access(folder, constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(path, `nothing can be written in ${quote(folder)} (${cause.code})`, remedy, { cause });
  });
}

/** The files of a folder that are read; none where there is no folder. */
async function readIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => READ.test(name)).map((name) => join(folder, name));
}

/** The files that a word of the command may mean. */
async function filesOf(given: string): Promise<string[]> {
  const word = (await pathFor(given)) ?? given;
  const there = await statOf(word);
  if (there && !there.isDirectory()) return [word];
  if (there) return [...(await readIn(word)), ...(await readIn(join(word, 'activations')))];
  return (await readIn(dirname(word))).filter((file) => resolve(file).startsWith(`${resolve(word)}.`));
}
