import type { Picture } from '../../src/input/picture/picture.ts';
import type { PictureWay } from '../../src/verify/inputs/picture-golden.ts';
import type { PictureFault } from './input-fault.ts';
import { pixelsBy, type Recipe, RIGHT, resizeBy } from './wrong-resize.ts';

/** The way by a recipe; of the right one it is this project's, to the bit. */
export const byRecipe = (changes: Partial<Recipe>): Pick<PictureWay, 'resize' | 'pixels'> => ({
  resize: (picture, side) => resizeBy({ ...RIGHT, ...changes }, picture, side),
  pixels: (picture, side) => pixelsBy({ ...RIGHT, ...changes }, picture, side),
});

const decoded =
  (change: (picture: Picture) => Picture): PictureFault['how'] =>
  ({ decode }) => ({ decode: async (bytes, name) => change(await decode(bytes, name)) });

const moved = (picture: Picture, from: (pixel: number, channel: number) => number): Picture => ({
  ...picture,
  data: picture.data.map((_, i) => picture.data[from(Math.floor(i / 3), i % 3)]),
});

/** From a file to the normalised picture. */
export const FILE_FAULTS: readonly PictureFault[] = [
  {
    name: 'decoded-blue-first',
    says: 'Pixels are decoded in the order blue, green, red.',
    how: decoded((picture) => moved(picture, (pixel, channel) => 3 * pixel + 2 - channel)),
    enters: 'decode',
  },
  {
    name: 'decoded-from-below',
    says: 'Rows are decoded from the lowest to the topmost.',
    how: decoded((picture) =>
      moved(picture, (pixel, channel) => {
        const [row, column] = [Math.floor(pixel / picture.width), pixel % picture.width];
        return 3 * ((picture.height - 1 - row) * picture.width + column) + channel;
      }),
    ),
    enters: 'decode',
  },
  {
    name: 'orientation-applied',
    says: 'A photo is turned as its EXIF says.',
    how: decoded((picture) => {
      const { width, height } = picture;
      const turned = moved(picture, (pixel, channel) => {
        const [row, column] = [Math.floor(pixel / height), pixel % height];
        return 3 * ((height - 1 - column) * width + row) + channel;
      });
      return { ...turned, width: height, height: width };
    }),
    enters: 'decode',
    on: 'rotated.jpg',
  },
  {
    name: 'one-level-off',
    says: 'A single byte of a photo is one level too high, as of another inverse cosine transform.',
    how: decoded((picture) => {
      const data = picture.data.slice();
      data[3 * (7 * picture.width + 5) + 1] += 1;
      return { ...picture, data };
    }),
    enters: 'decode',
    on: 'photo444.jpg',
  },
  {
    name: 'resized-by-the-tables-filter',
    says: 'Pictures are resized with the bicubic of the position tables, a = −0.75 instead of −0.5.',
    how: () => byRecipe({ a: -0.75 }),
    enters: 'resize',
  },
  {
    name: 'not-antialiased',
    says: 'The kernel does not widen where a picture shrinks.',
    how: () => byRecipe({ antialiased: false }),
    enters: 'resize',
  },
  {
    name: 'columns-first',
    says: 'The vertical pass comes before the horizontal one.',
    how: () => byRecipe({ verticalFirst: true }),
    enters: 'resize',
  },
  {
    name: 'weights-in-floating-point',
    says: 'Weights of the resize are not rounded to units of 2⁻²².',
    how: () => byRecipe({ fixedPoint: false }),
    enters: 'resize',
  },
  {
    name: 'no-bytes-between',
    says: 'Sums of the first pass go into the second unrounded.',
    how: () => byRecipe({ bytesBetween: false }),
    enters: 'resize',
  },
  {
    name: 'corners-as-centres',
    says: 'A sample stands at its corner, not in its middle.',
    how: () => byRecipe({ centre: 0 }),
    enters: 'resize',
  },
  {
    name: 'mean-of-imagenet',
    says: "Green has ImageNet's mean, 0.456 instead of 0.4578275.",
    how: () => byRecipe({ mean: [RIGHT.mean[0], 0.456, RIGHT.mean[2]] }),
    enters: 'normalise',
  },
  {
    name: 'deviations-blue-first',
    says: 'The deviations are divided by in the order blue, green, red.',
    how: () => byRecipe({ deviation: RIGHT.deviation.toReversed() }),
    enters: 'normalise',
  },
  {
    name: 'over-256',
    says: 'Bytes are divided by 256 instead of 255.',
    how: () => byRecipe({ whole: 256 }),
    enters: 'normalise',
  },
  {
    name: 'rounded-once',
    says: 'The normalisation is computed in float64 and rounded once.',
    how: () => byRecipe({ float32: false }),
    enters: 'normalise',
  },
  {
    name: 'channels-last',
    says: 'The three values of a pixel stand side by side instead of in planes.',
    how: () => byRecipe({ channelsLast: true }),
    enters: 'normalise',
  },
  {
    name: 'sides-kept',
    says: 'What the model is fed is cut to a square first; the resize itself is right.',
    how: ({ pixels }) => ({ pixels: (picture, side) => pixels(square(picture), side) }),
    enters: 'together',
  },
];

/** The left or upper part. */
function square(picture: Picture): Picture {
  const side = Math.min(picture.width, picture.height);
  const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => {
    const [row, rest] = [Math.floor(i / (3 * side)), i % (3 * side)];
    return picture.data[3 * row * picture.width + rest];
  });
  return { width: side, height: side, data };
}
