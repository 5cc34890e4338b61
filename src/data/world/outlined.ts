import type { Level } from './sprite.ts';

/**
 * A drawing with dark lines where it ends and where its colours change, and its colours brought to a few: another hand's drawing of the same
 * thing, against learning the styles by heart.
 *
 * @param drawing colours multiplied by alpha
 */
export function outlined({ width, height, data }: Level): Level {
  const radius = Math.max(1, Math.round(width / 48));
  const out = new Uint8Array(data.length);
  const at = (x: number, y: number, channel: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : data[(y * width + x) * 4 + channel];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // The largest difference to the pixels around it in any of the four: an edge, of the whole or inside it.
      let edge = 0;
      for (let channel = 0; channel < 4; channel++) {
        const across = Math.abs(at(x + radius, y, channel) - at(x - radius, y, channel));
        const down = Math.abs(at(x, y + radius, channel) - at(x, y - radius, channel));
        edge = Math.max(edge, across, down);
      }
      const dark = Math.min(1, Math.max(0, (edge - 40) / 40));
      const place = (y * width + x) * 4;
      const alpha = Math.max(data[place + 3], 255 * dark);
      for (let channel = 0; channel < 3; channel++) {
        const few = Math.min(alpha, 64 * Math.round(data[place + channel] / 64));
        out[place + channel] = few * (1 - dark);
      }
      out[place + 3] = alpha;
    }
  }
  return { width, height, data: out };
}
