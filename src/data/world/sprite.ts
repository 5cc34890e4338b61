/** A drawing as pixels that can be shown at any size and angle. */
import type { Rgb } from './colour.ts';

/** Pixels with their halvings. Colours are multiplied by their alpha. */
export interface Sprite {
  /** The largest first; each `[height, width, 4]` bytes. */
  readonly levels: readonly Level[];
  /** Corners of what is opaque, in the sprite's own measure: its longer side is 1, its middle 0, y points down. */
  readonly hull: readonly (readonly [x: number, y: number])[];
  /** The mean of what is opaque. */
  readonly colour: Rgb;
}

export interface Level {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Pixels cut to what is there, halved again and again, with the corners of their outline. */
export function spriteOf(drawing: Level): Sprite {
  const whole = cut(drawing, opaqueBox(drawing));
  const levels = [whole];
  while (Math.max(levels[levels.length - 1].width, levels[levels.length - 1].height) > 8) {
    levels.push(halved(levels[levels.length - 1]));
  }
  return { levels, hull: hullOf(whole), colour: meanOf(levels[levels.length - 1]) };
}

function meanOf({ data }: Level): Rgb {
  const sums = [0, 0, 0, 0];
  for (const [at, value] of data.entries()) sums[at & 3] += value;
  const [red, green, blue, alpha] = sums;
  return [(255 * red) / alpha, (255 * green) / alpha, (255 * blue) / alpha];
}

/** Where anything is to be seen. */
export function opaqueBox({ width, height, data }: Level): {
  left: number;
  top: number;
  width: number;
  height: number;
} {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 4 + 3] < 32) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    }
  }
  return { left, top, width: right - left, height: bottom - top };
}

function cut({ width, data }: Level, box: ReturnType<typeof opaqueBox>): Level {
  const rows = new Uint8Array(box.width * box.height * 4);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * width + box.left) * 4;
    rows.set(data.subarray(from, from + box.width * 4), y * box.width * 4);
  }
  return { width: box.width, height: box.height, data: rows };
}

/** Half as large, each pixel the mean of four; what is past an odd edge is clear. */
function halved({ width, height, data }: Level): Level {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const half = new Uint8Array(w * h * 4);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 2;
        for (let corner = 0; corner < 4; corner++) {
          const [sx, sy] = [2 * x + (corner & 1), 2 * y + (corner >> 1)];
          if (sx < width && sy < height) sum += data[(sy * width + sx) * 4 + channel];
        }
        half[(y * w + x) * 4 + channel] = sum >> 2;
      }
    }
  }
  return { width: w, height: h, data: half };
}

/** The convex hull of the opaque pixels' corners (Andrew's monotone chain). */
function hullOf({ width, height, data }: Level): [number, number][] {
  const points: [number, number][] = [];
  for (let y = 0; y < height; y++) {
    const solid = (x: number) => data[(y * width + x) * 4 + 3] >= 128;
    let first = 0;
    let last = width - 1;
    while (first < width && !solid(first)) first++;
    while (last > first && !solid(last)) last--;
    if (first < width) for (const row of [y, y + 1]) points.push([first, row], [last + 1, row]);
  }
  points.sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  const half = (list: [number, number][]) => {
    const chain: [number, number][] = [];
    for (const [x, y] of list) {
      while (chain.length > 1) {
        const [[ax, ay], [bx, by]] = chain.slice(-2);
        if ((bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0) break;
        chain.pop();
      }
      chain.push([x, y]);
    }
    return chain.slice(0, -1);
  };
  const side = Math.max(width, height);
  const hull = [...half(points), ...half(points.reverse())];
  return hull.map(([x, y]) => [(x - width / 2) / side, (y - height / 2) / side]);
}
