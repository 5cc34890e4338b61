/** JPEG (ITU-T T.81), baseline and progressive, of one, three or four components, to RGB. */
import { isWhole } from './decode-jpeg-end.ts';
import { withPlainHeader } from './decode-jpeg-header.ts';
import { type JpegFrame, readFrame, segmentsOf } from './decode-jpeg-segments.ts';
import { selectComponents } from './decode-jpeg-select.ts';
import { runLibjpeg } from './decode-wasm.ts';
import type { Size } from './picture.ts';

/** A progressive picture has about ten scans. Each walks all blocks anew, so thousands would be a way to hang. */
const maximumScans = 100;

/** Width and height of the frame header. @throws Error on a header that is cut or broken, or a rare kind of JPEG. */
export function sizeOfJpeg(bytes: Uint8Array): Size {
  return readFrame(bytes);
}

/**
 * @returns RGB bytes [height, width, 3]. Like libjpeg, and so PIL, it passes over faults inside the compressed data.
 * @throws Error when the file ends too early, or is broken elsewhere.
 */
export async function decodeJpeg(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const frame = readFrame(bytes);
  if (blocksOf(frame) > bytes.length * 8 || !isWhole(bytes, frame)) throw new Error('the file is cut');
  const scans = [...segmentsOf(bytes)].filter(({ marker }) => marker === 0xda).length;
  if (scans > maximumScans) throw new Error(`${scans} scans, more than ${maximumScans}`);
  return frame.components.length === 4 ? decodeCmyk(bytes, frame) : runLibjpeg(withPlainHeader(bytes), frame);
}

/**
 * The wrapper of libjpeg asks for nothing but RGB, and there is no way from CMYK to that. So the file is split into two that
 * claim to be RGB, and libjpeg still does all that touches the samples: C, M, Y (or Y, Cb, Cr, to convert) and C, M, K.
 */
async function decodeCmyk(bytes: Uint8Array<ArrayBuffer>, frame: JpegFrame): Promise<Uint8Array> {
  const isYcck = (frame.adobeTransform ?? 0) !== 0;
  const colours = await runLibjpeg(selectComponents(bytes, frame, [0, 1, 2], isYcck ? 1 : 0), frame);
  const blacks = await runLibjpeg(selectComponents(bytes, frame, [0, 1, 3], 0), frame);
  for (let i = 0; i < colours.length; i++) {
    // QUIRK: PIL takes every CMYK JPEG for one of Adobe's, which store 255 − ink.
    const light = blacks[i - (i % 3) + 2];
    const ink = isYcck ? colours[i] : 255 - colours[i];
    // ink · light / 255, rounded, in the integer arithmetic of PIL.
    const product = ink * light + 128;
    colours[i] = Math.max(0, light - (((product >> 8) + product) >> 8));
  }
  return colours;
}

/** The number of 8 × 8 blocks of all components. No coding spends less than a bit on a block's mean. */
function blocksOf({ width, height, components, maximumH, maximumV }: JpegFrame): number {
  const along = (size: number, factor: number, maximum: number) => Math.ceil((size * factor) / maximum / 8);
  return components.reduce((sum, { h, v }) => sum + along(width, h, maximumH) * along(height, v, maximumV), 0);
}
