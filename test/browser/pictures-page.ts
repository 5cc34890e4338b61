import { drawRegions } from '../../src/input/boxes/draw.ts';
import { regionsToSvg } from '../../src/input/boxes/draw-svg.ts';
import type { Region } from '../../src/input/boxes/grounding.ts';
import { openPicture, type PictureSource } from '../../src/input/picture/picture-source.ts';
import type { Device } from '../../tensor/device.ts';

/** A picture as what can be compared across machines. */
export interface Fingerprint {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

async function fingerprint(bytes: Uint8Array, width: number, height: number): Promise<Fingerprint> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
  return { width, height, sha256: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

const fetched = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());

/** Runs in the page: decodes a file. */
export async function decodeFile(_device: Device, path: string): Promise<Fingerprint> {
  const { data, width, height } = await openPicture(await fetched(path));
  return fingerprint(data, width, height);
}

/** Runs in the page: decodes files, of which some may be refused. */
export async function decodeFiles(device: Device, paths: string[]): Promise<(Fingerprint | undefined)[]> {
  const found: (Fingerprint | undefined)[] = [];
  for (const path of paths) found.push(await decodeFile(device, path).catch(ignoreRefusal));
  return found;
}

function ignoreRefusal(error: Error): undefined {
  if (error.name !== 'ImageError') throw error;
}

/** Runs in the page: what is refused there, and how. */
export async function refusal(_device: Device, source: PictureSource): Promise<string> {
  return openPicture(source).then(
    () => 'decoded',
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

/** Runs in the page: draws regions on a picture. */
export async function drawOn(
  _device: Device,
  { path, regions }: { path: string; regions: Region[] },
): Promise<Fingerprint> {
  const { data, width, height } = await drawRegions(await openPicture(await fetched(path)), regions);
  return fingerprint(data, width, height);
}

/**
 * Runs in the page: what the browser makes of the SVG, and how far its pixels are from ours, on average and in levels, and
 * from the picture without anything drawn on it.
 */
export async function showSvg(
  _device: Device,
  { path, regions }: { path: string; regions: Region[] },
): Promise<{ elements: string[]; titles: string[]; fromDrawn: number; fromPlain: number }> {
  const picture = await openPicture(await fetched(path));
  const svg = await regionsToSvg(picture, regions);
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  const all = [root, ...root.querySelectorAll('*')];
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  await image.decode();
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext('2d')!;
  context.drawImage(image, 0, 0);
  const shown = context.getImageData(0, 0, picture.width, picture.height);
  const { data } = await openPicture({ ...sizeOf(shown), data: shown.data, channels: 4 });
  const distance = (other: Uint8Array) =>
    data.reduce((sum, byte, i) => sum + Math.abs(byte - other[i]), 0) / data.length;
  return {
    elements: [...new Set(all.map(({ nodeName }) => nodeName))].sort(),
    titles: all.filter(({ nodeName }) => nodeName === 'title').map((title) => title.textContent ?? ''),
    fromDrawn: distance((await drawRegions(picture, regions)).data),
    fromPlain: distance(picture.data),
  };
}

const sizeOf = ({ width, height }: ImageData) => ({ width, height });
