/**
 * Colours for numbers, which people with any kind of colour vision can put in order: along each scale the lightness goes one way, and of the
 * two arms of the diverging one (blue, orange) none is told from the other by red against green.
 */
export interface Scale {
  readonly kind: 'sequential' | 'diverging';
  readonly low: number;
  readonly high: number;
}

type Colour = readonly [red: number, green: number, blue: number];

const STOPS: Readonly<Record<Scale['kind'], readonly Colour[]>> = {
  sequential: [
    [18, 16, 62],
    [54, 62, 146],
    [30, 128, 152],
    [104, 190, 104],
    [250, 236, 96],
  ],
  diverging: [
    [24, 66, 158],
    [118, 160, 216],
    [244, 244, 244],
    [226, 156, 92],
    [158, 70, 8],
  ],
};

/** From 0 to the largest value. */
export const sequential = (values: Iterable<number>): Scale => ({ kind: 'sequential', low: 0, high: largest(values) });

/** From minus the largest magnitude to it, so that 0 is in the middle. */
export function diverging(values: Iterable<number>): Scale {
  const high = largest(values);
  return { kind: 'diverging', low: -high, high };
}

/** The largest magnitude; where all is 0 or no number, something that can be divided by. */
function largest(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  return most || 1;
}

/** The colour of a value; what lies beyond the scale, or is no number, has that of its end. */
export function colourOf(value: number, { kind, low, high }: Scale): Colour {
  const stops = STOPS[kind];
  const at = Math.min(1, Math.max(0, (value - low) / (high - low) || 0)) * (stops.length - 1);
  const from = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [stops[from], stops[from + 1]];
  const mixed = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * (at - from));
  return [mixed(0), mixed(1), mixed(2)];
}

/** Draws a matrix, one pixel a cell. */
export function drawCells(canvas: HTMLCanvasElement, values: ArrayLike<number>, columns: number, scale: Scale): void {
  const rows = values.length / columns;
  Object.assign(canvas, { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  for (let at = 0; at < values.length; at++) {
    image.data.set(colourOf(values[at], scale), 4 * at);
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

/** A number as it is shown: four digits, of any size. */
export function shown(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return value.toPrecision(4).replace('-', '−');
  return value.toExponential(3).replaceAll('-', '−');
}
