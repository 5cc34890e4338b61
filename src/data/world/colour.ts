import type { Random } from '../random.ts';

export type Rgb = readonly [red: number, green: number, blue: number];

/** Rows of a colour's change: what each of red, green and blue becomes of all three and of alpha (of 255). */
export type Tint = readonly [...Row, ...Row, ...Row];
type Row = readonly [red: number, green: number, blue: number, alpha: number];

/** White becomes the colour. */
export const tintTo = ([r, g, b]: Rgb): Tint => [r / 255, 0, 0, 0, 0, g / 255, 0, 0, 0, 0, b / 255, 0];

/** What a tint makes of an opaque colour. */
export function tinted(tint: Tint, [r, g, b]: Rgb): Rgb {
  const row = (from: number) => {
    const value = tint[from] * r + tint[from + 1] * g + tint[from + 2] * b + tint[from + 3] * 255;
    return Math.min(255, Math.max(0, value));
  };
  return [row(0), row(4), row(8)];
}

/** How light a colour is, 0 … 255 (Rec. 601). */
export const lightness = ([r, g, b]: Rgb): number => 0.299 * r + 0.587 * g + 0.114 * b;

/** How far two colours are from each other, at most 442. */
export const distance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

export const anyColour = (random: Random): Rgb => [random() * 255, random() * 255, random() * 255];

/** A colour that is still the same one's name. */
export function nearTo(random: Random, [r, g, b]: Rgb): Rgb {
  const light = random.between(0.85, 1.08);
  const near = (value: number) => Math.min(255, Math.max(0, value * light + random.between(-10, 10)));
  return [near(r), near(g), near(b)];
}

/** Hue, saturation, light and contrast of a drawing, varied; one in ten loses its colours. */
export function varied(random: Random): Tint {
  const angle = (random.between(-1, 1) ** 3 * 60 * Math.PI) / 180;
  const saturation = random.chance(0.1) ? 0 : random.between(0.6, 1.25);
  const contrast = random.between(0.7, 1.15);
  const light = random.between(-0.05, 0.15) + (1 - contrast) / 2;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const grey: Rgb = [0.299, 0.587, 0.114];
  const row = (own: number): Row => {
    const mixed = [0, 1, 2].map((channel) => {
      // Rodrigues' rotation about the grey axis.
      const same = channel === own ? 1 : 0;
      const next = channel === (own + 1) % 3 ? -1 : channel === (own + 2) % 3 ? 1 : 0;
      const turned = c * same + (1 - c) / 3 + (s * next) / Math.sqrt(3);
      return contrast * (saturation * turned + (1 - saturation) * grey[channel]);
    });
    return [mixed[0], mixed[1], mixed[2], light];
  };
  return [...row(0), ...row(1), ...row(2)];
}
