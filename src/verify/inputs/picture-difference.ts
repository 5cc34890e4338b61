import { createHash } from 'node:crypto';
import type { Picture, Size } from '../../input/picture/picture.ts';
import type { InputDifference } from './input-report.ts';

/** By the SHA-256 of its bytes alone. */
export function compareHash(
  file: string,
  ours: Picture,
  { width, height }: { width: number; height: number },
  sha256: string | undefined,
): InputDifference | undefined {
  const count = 3 * width * height;
  if (ours.width !== width || ours.height !== height) return otherSize(file, ours, { width, height });
  const found = createHash('sha256').update(ours.data).digest('hex');
  if (found === sha256) return undefined;
  return { item: file, differing: count, of: count, place: `SHA-256 ${found.slice(0, 12)}…, the original has another` };
}

const CHANNELS = ['red', 'green', 'blue'];

/** Bytes, `[height, width, 3]`. */
export function comparePicture(file: string, ours: Picture, theirs: Picture): InputDifference | undefined {
  if (ours.width !== theirs.width || ours.height !== theirs.height) return otherSize(file, ours, theirs);
  const at = (index: number) => {
    const pixel = Math.floor(index / 3);
    return placeOf(Math.floor(pixel / theirs.width), pixel % theirs.width, index % 3);
  };
  return compareValues(file, ours.data, theirs.data, at);
}

/** Normalised values, `[3, side, side]`. */
export function comparePixels(
  file: string,
  ours: Float32Array,
  theirs: Float32Array,
  side: number,
): InputDifference | undefined {
  const at = (index: number) =>
    placeOf(Math.floor(index / side) % side, index % side, Math.floor(index / (side * side)));
  return compareValues(file, ours, theirs, at);
}

const placeOf = (row: number, column: number, channel: number) => `row ${row}, column ${column}, ${CHANNELS[channel]}`;

/** Nothing can be compared value by value. A size of 0 × 0 is that of a picture which is refused. */
export function otherSize(file: string, ours: Size, theirs: Size): InputDifference {
  const count = 3 * theirs.width * theirs.height;
  const size = ({ width, height }: Size) => (width === 0 ? 'none: it is refused' : `${width} × ${height}`);
  return { item: file, differing: count, of: count, place: `${size(ours)} pixels, the original has ${size(theirs)}` };
}

/** Nothing may differ: both are made of the same numbers, rounded in the same places. */
function compareValues(
  item: string,
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  place: (index: number) => string,
): InputDifference | undefined {
  if (ours.length !== theirs.length) {
    return {
      item,
      differing: theirs.length,
      of: theirs.length,
      place: `${ours.length} values, the original has ${theirs.length}`,
    };
  }
  let [differing, largest, worst] = [0, -1, 0];
  for (let i = 0; i < theirs.length; i++) {
    if (Object.is(ours[i], theirs[i])) continue;
    differing++;
    const distance = Math.abs(ours[i] - theirs[i]);
    if (distance > largest || Number.isNaN(distance))
      [largest, worst] = [Number.isNaN(distance) ? Infinity : distance, i];
  }
  if (differing === 0) return undefined;
  const both = `${shown(ours[worst])}, the original has ${shown(theirs[worst])}`;
  return { item, differing, of: theirs.length, largest, place: `${place(worst)}: ${both}` };
}

const shown = (value: number) => (Number.isInteger(value) ? String(value) : value.toPrecision(9));
