import type { Picture } from '../../input/picture/picture.ts';
import { randomAt } from '../random.ts';
import { after, apply, boundsOf, inverse, type Place } from './affine.ts';
import type { Part, Scene } from './scene.ts';

/** A scene's pixels, and what each of them shows. */
export interface Painting {
  readonly picture: Picture;
  /** `[side, side]`: 0 for the ground, else one more than the number of the part, counted through all items. */
  readonly covers: Uint16Array;
}

/** Paints a scene as a square picture. The same bytes each time. */
export function paint(scene: Scene, side: number): Painting {
  const canvas = paintGround(scene, side);
  const covers = new Uint16Array(side * side);
  for (const part of scene.behind) paintPart(canvas, covers, side, part, 0);
  let number = 0;
  for (const { parts } of scene.items) for (const part of parts) paintPart(canvas, covers, side, part, ++number);
  const light = scene.blurred ? blurred(canvas, side) : canvas;
  return { picture: { width: side, height: side, data: developed(light, scene, side) }, covers };
}

/** `[side, side, 3]`, 0 … 255 */
function paintGround({ ground }: Scene, side: number): Float32Array {
  const canvas = new Float32Array(side * side * 3);
  const [[red, green, blue], second] = ground.colours;
  const [r, g, b] = [second[0] - red, second[1] - green, second[2] - blue];
  const xs = Float64Array.from({ length: side }, (_, x) => (x + 0.5) / side);
  const mix = new Float64Array(side);
  for (let y = 0, at = 0; y < side; y++) {
    ground.mixRow((y + 0.5) / side, xs, mix);
    for (let x = 0; x < side; x++, at += 3) {
      canvas[at] = red + mix[x] * r;
      canvas[at + 1] = green + mix[x] * g;
      canvas[at + 2] = blue + mix[x] * b;
    }
  }
  return canvas;
}

/** Paints one sprite over what is there: each pixel is looked up in the sprite's size that is next to the picture's. */
function paintPart(canvas: Float32Array, covers: Uint16Array, side: number, part: Part, number: number): void {
  const { levels, hull } = part.sprite;
  const [whole] = levels;
  const longer = Math.max(whole.width, whole.height);
  const [a, b, c, d] = part.to;
  const shrinks = longer / (Math.sqrt(Math.abs(a * d - b * c)) * side);
  const { width, height, data } = levels[Math.min(levels.length - 1, Math.max(0, Math.round(Math.log2(shrinks))))];

  // From the picture's pixels to the level's: by way of the sprite's own measure, whose longer side is 1.
  const scale = Math.max(width, height);
  const toPixels = after([scale, 0, 0, scale, width / 2, height / 2], inverse(part.to));
  const [ax, bx, ay, by, e, f] = toPixels.map((value, i) => (i < 4 ? value / side : value));
  const corners = hull.map((corner): Place => apply(part.to, corner));
  const [left, top, right, bottom] = boundsOf(corners).map((value) => value * side);
  const [x1, x2] = [Math.max(0, Math.floor(left) - 1), Math.min(side, Math.ceil(right) + 1)];
  const [y1, y2] = [Math.max(0, Math.floor(top) - 1), Math.min(side, Math.ceil(bottom) + 1)];
  const [rr, rg, rb, ra, gr, gg, gb, ga, br, bg, bb, ba] = part.tint;

  const stride = 4 * width;
  for (let y = y1; y < y2; y++) {
    for (let x = x1; x < x2; x++) {
      const u = ax * (x + 0.5) + ay * (y + 0.5) + e - 0.5;
      const v = bx * (x + 0.5) + by * (y + 0.5) + f - 0.5;
      const column = Math.floor(u);
      const row = Math.floor(v);
      if (column < -1 || row < -1 || column >= width || row >= height) continue;
      // Bilinear. What is past the sprite is clear: there the weights are 0, and the pixel that is read is any.
      const right = column < width - 1 ? u - column : 0;
      const left = column < 0 ? 0 : 1 - u + column;
      const lower = row < height - 1 ? v - row : 0;
      const upper = row < 0 ? 0 : 1 - v + row;
      const from = (row < 0 ? 0 : row) * stride + (column < 0 ? 0 : column) * 4;
      const next = column < 0 || column === width - 1 ? from : from + 4;
      const below = row < 0 || row === height - 1 ? 0 : stride;
      const [w1, w2, w3, w4] = [upper * left, upper * right, lower * left, lower * right];
      const alpha =
        w1 * data[from + 3] + w2 * data[next + 3] + w3 * data[from + below + 3] + w4 * data[next + below + 3];
      if (alpha < 1) continue;
      const red = w1 * data[from] + w2 * data[next] + w3 * data[from + below] + w4 * data[next + below];
      const green =
        w1 * data[from + 1] + w2 * data[next + 1] + w3 * data[from + below + 1] + w4 * data[next + below + 1];
      const blue =
        w1 * data[from + 2] + w2 * data[next + 2] + w3 * data[from + below + 2] + w4 * data[next + below + 2];
      const rest = 1 - alpha / 255;
      const at = y * side + x;
      canvas[3 * at] = canvas[3 * at] * rest + within(rr * red + rg * green + rb * blue + ra * alpha, alpha);
      canvas[3 * at + 1] = canvas[3 * at + 1] * rest + within(gr * red + gg * green + gb * blue + ga * alpha, alpha);
      canvas[3 * at + 2] = canvas[3 * at + 2] * rest + within(br * red + bg * green + bb * blue + ba * alpha, alpha);
      if (alpha >= 128) covers[at] = number;
    }
  }
}

const within = (value: number, most: number): number => (value < 0 ? 0 : value > most ? most : value);

/** The mean of each pixel (twice) and its neighbours in its row and column. */
function blurred(canvas: Float32Array, side: number): Float32Array {
  const soft = new Float32Array(canvas.length);
  for (let y = 0; y < side; y++) {
    const [up, down] = [y > 0 ? -3 * side : 0, y < side - 1 ? 3 * side : 0];
    for (let x = 0; x < side; x++) {
      const [before, behind] = [x > 0 ? -3 : 0, x < side - 1 ? 3 : 0];
      for (let at = (y * side + x) * 3, channel = 0; channel < 3; channel++, at++) {
        soft[at] =
          (2 * canvas[at] + canvas[at + up] + canvas[at + down] + canvas[at + before] + canvas[at + behind]) / 6;
      }
    }
  }
  return soft;
}

/** Noise of deviation 1, looked up from a place that is drawn for each row; a power of two long. */
const NOISE = (() => {
  const random = randomAt('noise');
  return Float32Array.from({ length: 8192 }, () => (random() + random() + random() - 1.5) * 2);
})();

/** Bytes, with the noise of the scene's seed. */
function developed(canvas: Float32Array, { noise, seed }: Scene, side: number): Uint8Array {
  const bytes = new Uint8ClampedArray(canvas.length);
  if (noise === 0) bytes.set(canvas);
  else {
    const random = randomAt(seed, 'noise');
    for (let row = 0; row < canvas.length; row += 3 * side) {
      const from = Math.floor(random() * NOISE.length) - row;
      for (let at = row; at < row + 3 * side; at++) {
        bytes[at] = canvas[at] + noise * NOISE[(from + at) & (NOISE.length - 1)];
      }
    }
  }
  return new Uint8Array(bytes.buffer);
}
