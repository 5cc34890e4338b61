import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { InputError } from '../error.ts';
import { drawRegions, encodePng } from '../input/draw.ts';
import { regionsToSvg } from '../input/draw-svg.ts';
import { parseGrounding, type Region } from '../input/grounding.ts';
import type { Picture } from '../input/image.ts';
import type { Options } from './options.ts';
import { pictureOf } from './pictures.ts';
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

/** Draws the regions that an answer names on a copy of the picture, and says where it is. @returns whether it names one */
export async function drawBoxes(text: string, path: string, options: Options): Promise<boolean> {
  checkBoxesFile(options);
  const { regions, problems } = parseGrounding(text);
  for (const { message } of problems) say(dim(`  in the answer: ${message}`));
  const count = regions.reduce((sum, { shapes }) => sum + shapes.length, 0);
  if (count === 0) return false;
  const file = options.boxes ?? join('out', `${basename(path, extname(path))}-boxes.png`);
  // Of the pictures of a question only what the model saw is kept.
  const drawn = await writers[extname(file).toLowerCase()](await pictureOf(path), regions);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, drawn);
  } catch (cause) {
    const found = `cannot be written (${(cause as NodeJS.ErrnoException).code})`;
    throw new InputError(file, found, 'choose another file with --boxes', { cause });
  }
  say(`  ${count === 1 ? 'box' : `${count} boxes`} drawn: ${file}`);
  return true;
}
