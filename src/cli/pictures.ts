/** Pictures as a user names them: by paths, as terminals, file managers and browsers write them. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { ImageError } from '../error.ts';
import type { Picture } from '../input/picture/picture.ts';
import { openPicture, openPictures, type PictureSource } from '../input/picture/picture-source.ts';
import { quote } from '../quote.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import type { Options } from './options.ts';

/** How many pixels a side the model sees. @throws CheckpointError when it cannot be opened */
export async function imageSize(options: Options): Promise<number> {
  const { config, close } = await openCheckpoint(options.model ?? SHIPPED_MODEL);
  await close();
  return config.visual.image_size;
}

/** The pictures of a question as the model sees them, which is all that is kept of them. @throws ImageError, CheckpointError */
export async function picturesFor(words: readonly string[], options: Options): Promise<Picture[]> {
  const side = await imageSize(options);
  return openPictures(await Promise.all(words.map(sourceFor)), side);
}

/** A picture in its own size. @throws ImageError */
export const pictureOf = async (word: string): Promise<Picture> => openPicture(await sourceFor(word));

/**
 * What a word means: a data URL, a file URL, or a path, and where there is no such file, the path without its quotes, escapes
 * and `~`.
 * @throws ImageError for another URL: nothing is fetched
 */
export async function sourceFor(word: string): Promise<PictureSource> {
  if (/^data:/i.test(word)) return { dataUrl: word };
  if (/^file:/i.test(word)) return { path: pathOf(word) };
  for (const path of [word, plainPath(word)]) if (await exists(path)) return { path };
  return { path: word };
}

/** The path that a word means; undefined where it means none. */
export async function pathFor(word: string): Promise<string | undefined> {
  const source = await sourceFor(word).catch(() => undefined);
  return source && 'path' in source ? source.path : undefined;
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new ImageError(quote(url), `no file of this machine (${(cause as Error).message})`, 'give a path', { cause });
  }
}

/** As a shell would read it. */
function plainPath(word: string): string {
  const path = word.replace(/"([^"]*)"|'([^']*)'|\\(.)/gs, (_, double, single, escaped) => double ?? single ?? escaped);
  return /^~(\/|$)/.test(word) ? join(homedir(), path.slice(1)) : path;
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The pictures that a line names: quoted, escaped, or a single path with plain spaces. */
export async function pictureWords(line: string): Promise<string[]> {
  if (await exists(line)) return [line];
  // A quote that is not at the beginning of a name is an apostrophe.
  return line.match(/(?:(?<![^\s/])(?:"[^"]*"|'[^']*')|\\.|[^\s\\])+/gs) ?? [];
}

/** What a line says of a picture: data URLs are long. */
export const nameOf = (word: string): string => (/^data:/i.test(word) ? 'data URL' : word);
