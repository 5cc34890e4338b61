/** Files are written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { fstatSync, rmSync, type Stats } from 'node:fs';
import {
  access,
  constants,
  type FileHandle,
  link,
  mkdir,
  open,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InputError } from './error.ts';

/** What a file is made of: all at once, or part by part where it need not be in memory at once. */
export type Content = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface WriteOptions {
  /** What to do when it cannot be written, for the message: as in `choose another file with -o`. */
  readonly remedy: string;
  /** Fails where there is a file already. */
  readonly never?: 'replace' | undefined;
}

/**
 * Writes a file, and its folder. It is written beside the one that is there and takes its place when it is whole and on the
 * disk, with its mode: a full disk or a kill leaves the old one. Links are followed. What is no regular file (a pipe, a terminal,
 * `/dev/stdout`) is written as it is.
 *
 * @throws InputError
 */
export async function writeWhole(path: string, content: Content, { remedy, never }: WriteOptions): Promise<void> {
  try {
    const there = await statOf(path);
    if (never === 'replace' && there) throw new InputError(path, 'it is there already', remedy);
    if (there?.isDirectory()) throw new InputError(path, 'it is a folder', remedy);
    const stream = there && streamOf(there);
    if (stream) return await pour(content, (part) => print(stream, part));
    if (there && !there.isFile()) return await writeThrough(path, content); // the links of /dev/fd lead to no path
    const target = await followLinks(path);
    if (there) await access(target, constants.W_OK); // a file that is protected stays
    await makeFolder(dirname(target));
    await writeBeside(target, content, there, never);
  } catch (cause) {
    throw cause instanceof InputError ? cause : unwritable(path, cause, { remedy, never });
  }
}

/** @returns a fault of the file system in one line; what else went wrong is thrown again */
function unwritable(path: string, cause: unknown, { remedy, never }: WriteOptions): unknown {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === undefined || !(cause instanceof Error)) return cause;
  const taken = code === 'EEXIST' && never === 'replace';
  return new InputError(path, taken ? 'it is there already' : `it cannot be written (${code})`, remedy, { cause });
}

/**
 * Makes a folder, and those above it. Node's own way of doing so asks for ever where a file system takes no folders and says that those above
 * are missing, as in /proc.
 */
async function makeFolder(path: string): Promise<void> {
  const made = async () => {
    await mkdir(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // what it is instead of a folder is told by what is written in it
    });
  };
  try {
    await made();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await made();
  }
}

/** The file that a path means, which need not be there. */
async function followLinks(path: string, most = 40): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || most === 0) throw error;
  }
  const linked = await readlink(path).catch(() => undefined);
  return linked === undefined ? resolve(path) : followLinks(resolve(dirname(path), linked), most - 1);
}

const statOf = (path: string): Promise<Stats | undefined> =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });

/** Standard output or error, if that is the file: another one in its place would take what was printed with it. */
function streamOf({ dev, ino }: Stats): NodeJS.WriteStream | undefined {
  return [process.stdout, process.stderr].find(({ fd }) => {
    try {
      const own = fstatSync(fd);
      return own.dev === dev && own.ino === ino;
    } catch {
      return false;
    }
  });
}

const print = (stream: NodeJS.WriteStream, part: string | Uint8Array): Promise<void> =>
  new Promise((done, fail) => {
    stream.write(part, (error) => (error && !isGone(error) ? fail(error) : done()));
  });

/** A pipe whose reader leaves before the end is no error. */
const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EPIPE';

async function pour(content: Content, take: (part: string | Uint8Array) => Promise<unknown>): Promise<void> {
  if (typeof content === 'string' || content instanceof Uint8Array) await take(content);
  else for await (const part of content) await take(part);
}

/** Into a pipe or a device. */
async function writeThrough(target: string, content: Content): Promise<void> {
  // Opening a pipe would wait for a reader: with O_NONBLOCK it fails where there is none (ENXIO).
  const asked = await open(target, constants.O_WRONLY | constants.O_NONBLOCK);
  const file = await open(target, 'w').finally(() => asked.close());
  try {
    await pour(content, (part) => file.writeFile(part));
  } catch (error) {
    if (!isGone(error)) throw error;
  } finally {
    await file.close();
  }
}

async function writeBeside(target: string, content: Content, there: Stats | undefined, never: 'replace' | undefined) {
  const temporary = join(dirname(target), `.qvl-${randomBytes(8).toString('hex')}.tmp`);
  const remove = () => rmSync(temporary, { force: true });
  process.on('exit', remove); // Ctrl-C
  try {
    const file = await open(temporary, 'wx');
    try {
      if (there) await takeAfter(file, there);
      await pour(content, (part) => file.writeFile(part));
      await file.sync();
    } finally {
      await file.close();
    }
    await (never === 'replace' ? linkOnce(temporary, target) : rename(temporary, target));
  } finally {
    process.off('exit', remove);
    await rm(temporary, { force: true }).catch(() => undefined); // what failed before is the error
  }
}

/** Whose the file is, and who may use it. */
async function takeAfter(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid).catch(() => undefined); // only root may give away
  await file.chmod(mode & 0o777);
}

/** Gives a file its name, unless another has it. */
async function linkOnce(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    // Not every file system has links.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' || (await statOf(target))) throw error;
    await rename(temporary, target);
  }
}
