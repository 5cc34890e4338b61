import { basename, extname, join, resolve } from 'node:path';
import { InputError } from '../error.ts';
import { drawRegions, encodePng } from '../input/boxes/draw.ts';
import { regionsToSvg } from '../input/boxes/draw-svg.ts';
import { parseGrounding, type Region } from '../input/boxes/grounding.ts';
import type { Picture } from '../input/picture/picture.ts';
import { complain } from './ending.ts';
import { save } from './files.ts';
import type { Options } from './options.ts';
import { checkOutput } from './outputs.ts';
import { nameOf, pathFor, pictureOf } from './pictures.ts';
import { dim, say } from './terminal.ts';

const writers: Record<string, (picture: Picture, regions: Region[]) => Promise<string | Uint8Array>> = {
  '.png': async (picture, regions) => encodePng(await drawRegions(picture, regions)),
  '.svg': regionsToSvg,
};

/** @throws InputError for a `--boxes` file that is neither .png nor .svg */
export function checkBoxesFile({ boxes }: Options): void {
  if (boxes === undefined || Object.hasOwn(writers, extname(boxes).toLowerCase())) return;
  throw new InputError('--boxes', `"${boxes}", expected a name ending with .png or .svg`, 'give such a name');
}

/**
 * Draws the regions that an answer names on a copy of a picture, and says where it is. An answer does not say which picture it
 * means: of several it is the latest, as with the original's `draw_bbox_on_latest_picture`, unless the caller chose one.
 *
 * @param paths the pictures that the answer may mean, the latest last
 * @param options.boxes where to; without it a folder that cannot be written is no failure
 * @param open gives a picture in its own size: of the pictures of a question only what the model saw is kept
 * @returns whether the answer names a region
 * @throws InputError when the file that was asked for cannot be written
 */
export async function drawBoxes(
  text: string,
  paths: readonly string[],
  options: Options,
  open = pictureOf,
): Promise<boolean> {
  checkBoxesFile(options);
  const { regions, problems } = parseGrounding(text);
  for (const { message } of problems) say(dim(`  in the answer: ${message}`));
  const count = regions.reduce((sum, { shapes }) => sum + shapes.length, 0);
  if (count === 0) return false;
  const path = paths[paths.length - 1];
  const file = options.boxes ?? fileFor(await pathFor(path));
  try {
    await checkOutput(file, [path], '--boxes');
    await save(file, await writers[extname(file).toLowerCase()](await open(path), regions), '--boxes');
  } catch (error) {
    if (options.boxes !== undefined || !(error instanceof InputError)) throw error;
    complain(error.message);
    return true;
  }
  const which = paths.length > 1 ? ` on the latest of ${paths.length} pictures, ${nameOf(path)}` : '';
  say(`  ${count === 1 ? 'box' : `${count} boxes`} drawn${which}: ${file}`);
  return true;
}

/** Which picture each file was drawn for: two pictures of one name have files of their own. */
const drawnFor = new Map<string, string>();
/** In characters of up to four bytes: file systems take 255. */
const LONGEST_NAME = 60;

/** A file by the picture's name, with its ending unless that is `.png`. */
function fileFor(path = 'picture'): string {
  const name = [...basename(path, '.png')].slice(0, LONGEST_NAME).join('');
  for (let number = 1; ; number++) {
    const file = join('out', `${name}-boxes${number === 1 ? '' : `-${number}`}.png`);
    const key = file.toLowerCase(); // as some file systems see it
    const owner = drawnFor.get(key) ?? resolve(path);
    if (owner !== resolve(path)) continue;
    drawnFor.set(key, owner);
    return file;
  }
}
