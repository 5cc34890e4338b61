import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { openFile, readSmallFile } from '../../checkpoint/file-source.ts';
import { openSafetensors } from '../../checkpoint/safetensors.ts';
import type { StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { CheckpointError, ImageError } from '../../error.ts';
import { isObject, parseJson } from '../../fields.ts';
import { decodePicture, maximumFileBytes } from '../../input/picture/image.ts';
import type { Picture } from '../../input/picture/picture.ts';
import { pixels, resize } from '../../input/picture/resize.ts';
import { type Decoder, line, list, object, oneOf, optional, whole } from '../decoder.ts';
import { toLine } from '../line.ts';
import { countPart, type InputDifference, type InputRun } from './input-report.ts';
import { compareHash, comparePicture, comparePixels, otherSize } from './picture-difference.ts';

/** What turns a file into the model's input: this project's own functions, or others to be judged. */
export interface PictureWay {
  readonly decode: (bytes: Uint8Array, name: string) => Promise<Picture>;
  readonly resize: (picture: Picture, side: number) => Picture;
  /** Resizes, where the picture has not the size already, and normalises: `[3, side, side]`. */
  readonly pixels: (picture: Picture, side: number) => Float32Array;
}

/** What `qvl ask` runs. */
export const PICTURE_WAY: PictureWay = { decode: decodePicture, resize, pixels };

/** What is kept beside pictures: all values as in golden/preprocess, or hashes of the decoded ones as in golden/pictures. */
const LISTS = ['preprocess.json', 'pictures.json'] as const;
const TENSORS = 'preprocess.safetensors';
const MOST = { list: 1 << 22, pictures: 10_000, side: 1 << 12, edge: 1e6 };

interface Listed {
  readonly file: string;
  /** As decoded; 0 where the original refuses it. */
  readonly width: number;
  readonly height: number;
  readonly refused: boolean;
  /** The side that it is resized to. */
  readonly size?: number;
  /** Of the decoded bytes. */
  readonly sha256?: string;
}

const DECODED = object({
  file: line(255),
  width: whole(1, MOST.edge),
  height: whole(1, MOST.edge),
  size: optional(whole(1, MOST.side)),
  sha256: optional(line(64)),
});
const REFUSED = object({ file: line(255), refused: oneOf(true) });

const listed: Decoder<Listed[]> = list(
  (value, at) =>
    isObject(value) && Object.hasOwn(value, 'refused')
      ? { ...REFUSED(value, at), width: 0, height: 0 }
      : { ...DECODED(value, at), refused: false },
  MOST.pictures,
);

/** The list of the picture golden that a path means: its folder, its list, its tensors, or one of its pictures. */
export async function findPictureGolden(path: string): Promise<string | undefined> {
  const folder = (await isFolder(path)) ? path : dirname(path);
  for (const name of LISTS) if (await isFile(join(folder, name))) return join(folder, name);
  return undefined;
}

/**
 * Runs pictures through each part, beginning with what the original had before it, and then through all of them.
 *
 * @param path see `findPictureGolden`; of a picture's own path only that picture is run
 * @throws CheckpointError when the golden is not sound, or lacks a picture
 */
export async function verifyPictures(path: string, way: PictureWay = PICTURE_WAY): Promise<InputRun> {
  const start = performance.now();
  const where = await findPictureGolden(path);
  if (!where) throw refusal(path, `it has no ${LISTS.join(' or ')}`);
  const all = listed(parseJson(await readSmallFile(where, MOST.list), where), where);
  if (new Set(all.map(({ file }) => file)).size < all.length) throw refusal(where, 'it lists a picture twice');
  const alone = all.filter(({ file }) => file === basename(path));
  const folder = dirname(where);
  const kept = join(folder, TENSORS);
  const source = (await isFile(kept)) ? await openFile(kept) : undefined;
  try {
    const tensors = source ? (await openSafetensors(source)).tensors : new Map<string, StoredTensor>();
    const parts = {
      decode: countPart('decode', 'pictures'),
      resize: countPart('resize', 'pictures'),
      normalise: countPart('normalise', 'pictures'),
      together: countPart('together', 'pictures'),
    };
    for (const each of alone.length > 0 ? alone : all) {
      if (basename(each.file) !== each.file) throw refusal(where, `"${each.file}" is no plain file name`);
      const found = await runPicture(folder, each, tensors, way);
      for (const [name, part] of Object.entries(parts)) if (name in found) part.add(found[name as keyof typeof parts]);
    }
    const run = Object.values(parts).map((each) => each.part());
    return {
      golden: { name: basename(resolve(folder)), provenance: { file: basename(where) } },
      seconds: (performance.now() - start) / 1000,
      parts: run.filter(({ compared }) => compared > 0),
    };
  } finally {
    await source?.close();
  }
}

type Found = Partial<Record<'decode' | 'resize' | 'normalise' | 'together', InputDifference | undefined>>;

async function runPicture(
  folder: string,
  { file, width, height, refused, size, sha256 }: Listed,
  tensors: ReadonlyMap<string, StoredTensor>,
  way: PictureWay,
): Promise<Found> {
  const bytes = await readSmallFile(join(folder, file), maximumFileBytes);
  const picture = await way.decode(bytes, file).catch((error: unknown) => {
    if (error instanceof ImageError) return error;
    throw error;
  });
  if (picture instanceof ImageError) {
    const count = 3 * width * height;
    const difference = { item: file, differing: count, of: count, place: toLine(picture.message) };
    return { decode: refused ? undefined : difference };
  }
  if (refused) return { decode: otherSize(file, picture, { width, height }) };
  if (size === undefined) return { decode: compareHash(file, picture, { width, height }, sha256) };
  const tensor = (what: string, dtype: string, shape: readonly number[]) => {
    const stored = tensors.get(`${file}.${what}`);
    if (stored?.dtype === dtype && String(stored.shape) === String(shape)) return stored.read();
    const found = stored ? `${stored.dtype} [${stored.shape}]` : 'missing';
    throw refusal(join(folder, TENSORS), `"${file}.${what}" is ${found}, expected ${dtype} [${shape}]`);
  };
  const rgb = await tensor('rgb', 'uint8', [height, width, 3]);
  const resized = await tensor('resized', 'uint8', [size, size, 3]);
  const normalised = new Float32Array((await tensor('pixels', 'float32', [3, size, size])).buffer);
  const square = { width: size, height: size };
  return {
    decode: comparePicture(file, picture, { width, height, data: rgb }),
    resize: comparePicture(file, way.resize({ width, height, data: rgb }, size), { ...square, data: resized }),
    normalise: comparePixels(file, way.pixels({ ...square, data: resized }, size), normalised, size),
    together: comparePixels(file, way.pixels(picture, size), normalised, size),
  };
}

const refusal = (where: string, found: string) =>
  new CheckpointError(where, found, 'name a folder like golden/preprocess, or one of its pictures');
const isFile = async (path: string) => (await stat(path).catch(() => undefined))?.isFile() ?? false;
const isFolder = async (path: string) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
