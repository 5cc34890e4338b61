/** Pictures in a terminal: each character is an upper half block "▀", whose two colours are two pixels. */
import type { Picture } from '../input/picture/picture.ts';

/**
 * Whether a terminal shows 24-bit colours, as far as can be known: it is one, it says so (`COLORTERM`), and `NO_COLOR` is
 * not set (see no-color.org).
 */
export function canPreview(
  stream: { readonly isTTY?: boolean },
  { COLORTERM, NO_COLOR }: Record<string, string | undefined>,
): boolean {
  return stream.isTTY === true && !NO_COLOR && /^(truecolor|24bit)$/i.test(COLORTERM ?? '');
}

/**
 * A picture in at most `columns` characters a line and half as many lines, its aspect kept where a character is twice as
 * high as wide. It is averaged down, never enlarged. Each line ends with the colours reset and a newline.
 */
export function previewPicture(picture: Picture, columns: number): string {
  const scale = Math.min(1, Math.max(1, Math.floor(columns)) / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const pixels = averagedDown(picture, width, height);
  const colourAt = (x: number, y: number) => pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3).join(';');
  let text = '';
  for (let y = 0; y < height; y += 2) {
    let [upper, lower] = ['', ''];
    for (let x = 0; x < width; x++) {
      const above = `38;2;${colourAt(x, y)}`;
      const below = y + 1 < height ? `48;2;${colourAt(x, y + 1)}` : '49'; // the terminal's own background
      const changes = [above === upper ? '' : above, below === lower ? '' : below].filter(Boolean);
      text += `${changes.length > 0 ? `\x1b[${changes.join(';')}m` : ''}▀`;
      [upper, lower] = [above, below];
    }
    text += '\x1b[0m\n';
  }
  return text;
}

/** Each pixel is the mean of the area that it stands for: columns first, then rows, as the two are independent. */
function averagedDown({ width, height, data }: Picture, columns: number, rows: number): Uint8Array {
  const result = new Uint8Array(columns * rows * 3);
  const across = Array.from({ length: columns }, (_, i) => shares(i, width / columns));
  const narrow = new Float64Array(columns * 3);
  for (let row = 0; row < rows; row++) {
    const sums = new Float64Array(columns * 3);
    for (const { at: y, share } of shares(row, height / rows)) {
      narrow.fill(0);
      for (let column = 0; column < columns; column++) {
        for (const { at: x, share } of across[column]) {
          for (let channel = 0; channel < 3; channel++) {
            narrow[3 * column + channel] += share * data[(y * width + x) * 3 + channel];
          }
        }
      }
      for (let i = 0; i < sums.length; i++) sums[i] += share * narrow[i];
    }
    for (let i = 0; i < sums.length; i++) result[row * columns * 3 + i] = Math.round(sums[i]);
  }
  return result;
}

/** The samples between `index · step` and `(index + 1) · step`, and the share of each in that interval. */
function shares(index: number, step: number): { at: number; share: number }[] {
  const [from, to] = [index * step, (index + 1) * step];
  const result: { at: number; share: number }[] = [];
  for (let at = Math.floor(from); at < to - 1e-9; at++) {
    result.push({ at, share: (Math.min(to, at + 1) - Math.max(from, at)) / step });
  }
  return result;
}
