import noto from '../../../data/world/drawings/noto.json';
import { COLOURS, SHAPES } from '../../../data/world/things.ts';
import { dataUrl } from '../pictures/own.ts';
import type { ShownPicture } from '../pictures/shown.ts';
import { parseBoard } from './items.ts';

/** What a board's picture has at its side, in pixels: the published model's. */
const SIDE = 448;
export const GROUND = '#fdf6ee';

const drawings: Readonly<Record<string, string>> = noto.drawings;

const addresses = new Map<string, string>();

/** A drawing or a shape, as the address of an `img`: what is in an image cannot become part of the page. */
export function drawingAddress(kind: string): string {
  const address = addresses.get(kind) ?? addressFor(kind);
  addresses.set(kind, address);
  return address;
}

function addressFor(kind: string): string {
  const side = Object.hasOwn(drawings, kind) ? noto.side : 1;
  const body = Object.hasOwn(drawings, kind) ? drawings[kind] : shape(kind);
  const box = `viewBox="0 0 ${side} ${side}" width="${SIDE}" height="${SIDE}"`;
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" ${box}>${body}</svg>`)}`;
}

/** `red-square` */
function shape(kind: string): string {
  const [colour, name] = kind.split('-');
  const { rgb } = COLOURS.find(({ english }) => english === colour)!;
  const { corners } = SHAPES.find(({ english }) => english === name)!;
  const points = corners.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(' ');
  const form = corners.length === 0 ? '<circle cx="0.5" cy="0.5" r="0.5"/>' : `<polygon points="${points}"/>`;
  return `<g fill="rgb(${rgb})">${form}</g>`;
}

/** A board as a picture, by its name in the address. */
export async function boardPicture(name: string): Promise<ShownPicture> {
  const canvas = document.createElement('canvas');
  canvas.width = SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = GROUND;
  context.fillRect(0, 0, SIDE, SIDE);
  for (const { kind, x, y, size } of parseBoard(name)) {
    const image = new Image();
    image.src = drawingAddress(kind);
    await image.decode();
    const [left, top, side] = [x - size / 2, y - size / 2, size].map((value) => (value * SIDE) / 1000);
    context.drawImage(image, left, top, side, side);
  }
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
  if (!blob) throw new Error('the board cannot be drawn: the memory does not suffice');
  const source = { width: SIDE, height: SIDE, data, channels: 4 as const };
  return { key: name, name: 'board', source, address: await dataUrl(blob) };
}
