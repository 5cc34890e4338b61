import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { InputError } from '../error.ts';
import { ROOT } from '../shipped.ts';
import { SHIPPED } from './beside.ts';
import { buildPage } from './build.ts';

/** Where the user's tools keep what they can make again, or this project's do. */
const CACHE = join(process.env.XDG_CACHE_HOME || join(ROOT, 'node_modules/.cache'), 'qwen-vl-ts', 'pages');

/** All that a build is made of. */
const SOURCES = [
  ...['src', 'tensor', 'kernels', 'package.json', 'package-lock.json'].map((path) => join(ROOT, path)),
  ...[join(SHIPPED.model, 'answers.json'), join(SHIPPED.model, 'config.json'), SHIPPED.pictures],
];

/** What nobody has used for so long is removed. */
const KEPT_MILLISECONDS = 24 * 3600 * 1000;

/**
 * The folder of the built page: that of an earlier run where it is of the same sources, or built now and kept for the next.
 *
 * @returns not to be written into
 * @throws InputError when it cannot be kept
 */
export async function builtPage(): Promise<string> {
  const folder = join(CACHE, await hashOf(SOURCES));
  const now = new Date();
  try {
    const there = await utimes(folder, now, now).then(
      () => true,
      () => false,
    );
    if (there) return folder;
    const temporary = `${folder}.${randomBytes(4).toString('hex')}.tmp`;
    await mkdir(CACHE, { recursive: true });
    await removeOld();
    try {
      await buildPage(temporary);
      await rename(temporary, folder).catch((error) => {
        if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error; // another process was as quick
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return folder;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (!['EACCES', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EPERM'].includes(code ?? '')) throw cause;
    throw new InputError(CACHE, `it cannot be written (${code})`, 'set XDG_CACHE_HOME to a folder that can', { cause });
  }
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const path = join(CACHE, name);
    const about = await stat(path).catch(() => undefined);
    if (about && Date.now() - about.mtimeMs > KEPT_MILLISECONDS) await rm(path, { recursive: true, force: true });
  }
}

/** Of files and of all that is in folders, by their names and contents. */
async function hashOf(paths: readonly string[]): Promise<string> {
  const files = await Promise.all(
    paths.map(async (path) => {
      const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
      if (!entries) return [path];
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  const sorted = files.flat().sort();
  const contents = await Promise.all(sorted.map((path) => readFile(path)));
  const hash = createHash('sha256');
  for (const [i, path] of sorted.entries())
    hash.update(`${relative(ROOT, path)}\0${contents[i].length}\0`).update(contents[i]);
  return hash.digest('hex').slice(0, 16);
}
