import { readdirSync } from 'node:fs';
import { encodePng } from '../../src/input/boxes/draw.ts';
import { encodeBase64 } from '../../src/input/picture/base64.ts';
import { decodeDataUrl } from '../../src/input/picture/data-url.ts';
import { decodePicture } from '../../src/input/picture/image.ts';
import type { Picture } from '../../src/input/picture/picture.ts';
import { openPicture } from '../../src/input/picture/picture-source.ts';
import { golden } from './files.ts';
import { mutatePng } from './mutate-png.ts';
import { mutateRiff } from './mutate-riff.ts';
import { bytesTarget, promise, type Target, textTarget } from './target.ts';

/** Low enough that the largest picture that is decoded takes a few megabytes. */
const limits = { pixels: 2 ** 19, side: 2 ** 14 };
const LARGEST_SEED = 8192;

/** The small goldens of one format. */
const pictures =
  (ending: RegExp): (() => Uint8Array[]) =>
  () =>
    ['pictures', 'preprocess'].flatMap((folder) => {
      const names = readdirSync(new URL(`../../golden/${folder}`, import.meta.url)).filter((name) => ending.test(name));
      return golden(...names.sort().map((name) => `${folder}/${name}`)).filter(({ length }) => length <= LARGEST_SEED);
    });

async function readPicture(bytes: Uint8Array): Promise<void> {
  const picture = await decodePicture(bytes, 'case', limits);
  checkPicture(picture);
  if (picture.width * picture.height > 2 ** 14) return; // a sample will do
  const again = await decodePicture(encodePng(picture), 'again', limits);
  promise(again.width === picture.width && Buffer.compare(again.data, picture.data) === 0, 'a PNG of it is the same');
}

function checkPicture({ width, height, data }: Picture): void {
  promise(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0, 'a picture has a size');
  promise(width * height <= limits.pixels && Math.max(width, height) <= limits.side, 'a picture is within the limits');
  promise(data.length === width * height * 3, 'a picture has three bytes a pixel');
}

/** As base64, percent-encoded, and base64 whose signs are escaped. */
function dataUrls(): string[] {
  const [png, webp, gif] = golden('preprocess/one.png', 'pictures/alpha-lossy.webp', 'pictures/two-colours.gif');
  const escaped = Array.from(gif, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  return [
    `data:image/png;base64,${encodeBase64(png)}`,
    `data:image/webp;name=a.webp;base64,${encodeBase64(webp)}`,
    `data:image/gif,${escaped}`,
    `DATA:image/svg+xml;BASE64,${encodeURIComponent(encodeBase64(gif))}`,
  ];
}

async function readDataUrl(dataUrl: string): Promise<void> {
  const bytes = decodeDataUrl(dataUrl);
  const again = decodeDataUrl(`data:image/png;base64,${encodeBase64(bytes)}`);
  promise(Buffer.compare(bytes, again) === 0, 'bytes are read as they were encoded');
  checkPicture(await openPicture({ dataUrl }, { limits }));
}

export const pictureTargets: Readonly<Record<string, Target>> = {
  png: bytesTarget(pictures(/\.png$/), readPicture, mutatePng),
  jpeg: bytesTarget(pictures(/\.jpg$/), readPicture),
  webp: bytesTarget(pictures(/\.webp$/), readPicture, mutateRiff),
  gif: bytesTarget(pictures(/\.gif$/), readPicture),
  'data-url': textTarget(dataUrls, readDataUrl),
};
