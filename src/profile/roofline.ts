import { html, type Markup } from '../markup.ts';
import { bandwidthOf } from './rates.ts';
import type { Roofs } from './roofs.ts';
import type { Group } from './summary.ts';
import { digits, milliseconds, percent, scaled } from './text.ts';

const WIDTH = 1080;
const HEIGHT = 460;
const LEFT = 64;
const RIGHT = 16;
const TOP = 16;
const BOTTOM = 44;
/** Points are circles whose areas are times; none is smaller or larger than this, in pixels. */
const RADIUS = { least: 3, most: 22 };

/** A group with the part whose colour it has. */
export interface Point extends Group {
  readonly part: string;
}

/**
 * The roofline plot (Williams, Waterman and Patterson 2009): operations a byte against GFLOP/s, both logarithmic. Under the
 * slanted roofs there is not enough memory, under the flat one not enough arithmetic. What does no operations at all, such as a
 * copy, has no place in it.
 *
 * @param points what was measured; the area of each is its time
 * @param colours the class of a part
 */
export function rooflinePlot(points: readonly Point[], roofs: Roofs, colours: (part: string) => string): Markup {
  const shown = points.filter(({ arithmetic, operations }) => operations > 0 && arithmetic !== null);
  const decades = (values: readonly number[]) => ({
    low: Math.floor(Math.log10(Math.min(...values))),
    high: Math.ceil(Math.log10(Math.max(...values))),
  });
  const ridge = roofs.multiplyAdd / roofs.memory;
  const across = decades([...shown.map(({ intensity }) => intensity), ridge / 10, ridge * 10]);
  const up = decades([
    ...shown.map(({ arithmetic }) => arithmetic!),
    roofs.multiplyAdd * 1.05,
    roofs.multiplyAdd / 100,
  ]);
  const x = (intensity: number) =>
    LEFT + ((Math.log10(intensity) - across.low) * (WIDTH - LEFT - RIGHT)) / (across.high - across.low);
  const y = (rate: number) => TOP + ((up.high - Math.log10(rate)) * (HEIGHT - TOP - BOTTOM)) / (up.high - up.low);
  const longest = Math.max(...shown.map((point) => point.milliseconds ?? 0));
  const radius = (time: number) => Math.max(RADIUS.least, RADIUS.most * Math.sqrt(time / longest));
  return html`<figure><svg class="roofline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="roofline plot">
${axes(across, up, x, y)}
${roofLines(roofs, across, up, x, y)}
${[...shown]
  .sort((a, b) => (b.milliseconds ?? 0) - (a.milliseconds ?? 0)) // small circles lie on large ones
  .map(
    (point) =>
      html`<circle class="${colours(point.part)}" cx="${x(point.intensity).toFixed(1)}" cy="${y(point.arithmetic!).toFixed(1)}" r="${radius(point.milliseconds ?? 0).toFixed(1)}"><title>${describe(point)}</title></circle>`,
  )}
${labels(shown, (point) => ({ x: x(point.intensity), y: y(point.arithmetic!), r: radius(point.milliseconds ?? 0) }))}</svg></figure>`;
}

/** Names beside their circles, the longest first, as far as there is room. */
function labels(points: readonly Point[], place: (point: Point) => { x: number; y: number; r: number }): Markup {
  const taken: { from: number; to: number; y: number }[] = [];
  return html`${[...points]
    .sort((a, b) => (b.milliseconds ?? 0) - (a.milliseconds ?? 0))
    .map((point) => {
      const { x, y, r } = place(point);
      const width = 6.5 * point.name.length;
      const sides = [x + r + 4, x - r - 4 - width].filter((from) => from > LEFT && from + width < WIDTH - RIGHT);
      const from = sides.find((from) =>
        taken.every((other) => from > other.to || from + width < other.from || Math.abs(y - other.y) > 13),
      );
      if (from === undefined) return undefined;
      taken.push({ from, to: from + width, y });
      return html`<text class="name" x="${from.toFixed(1)}" y="${(y + 4).toFixed(1)}">${point.name}</text>`;
    })}`;
}

const describe = (point: Point): string =>
  `${point.name}, ${point.part}: ${point.launches} launches, ${milliseconds(point.milliseconds)} ms, ${scaled(point.operations, 'FLOP')}, ${scaled(point.bytes, 'B')}, ${digits(point.arithmetic)} GFLOP/s, ${digits(point.bandwidth)} GB/s, ${percent(point.share)} of the ${point.limit ?? ''} roof`;

type Scale = (value: number) => number;
interface Decades {
  readonly low: number;
  readonly high: number;
}

function axes(across: Decades, up: Decades, x: Scale, y: Scale): Markup {
  const every = ({ low, high }: Decades) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const text = (power: number) =>
    power >= 0 && power < 4 ? String(10 ** power) : power >= -3 ? String(10 ** power) : `1e${power}`;
  return html`${every(across).map(
    (power) =>
      html`<line class="grid" x1="${x(10 ** power).toFixed(1)}" x2="${x(10 ** power).toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text class="below" x="${x(10 ** power).toFixed(1)}" y="${HEIGHT - BOTTOM + 17}">${text(power)}</text>`,
  )}${every(up).map(
    (power) =>
      html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(10 ** power).toFixed(1)}" y2="${y(10 ** power).toFixed(1)}"/><text class="tick" x="${LEFT - 8}" y="${y(10 ** power).toFixed(1)}">${text(power)}</text>`,
  )}<text class="below" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}">operations a byte (modelled: every element moves once)</text><text class="below" transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">GFLOP/s (measured)</text>`;
}

/** Memory and each cache, as far as they are lower than the arithmetic, and the arithmetic. */
function roofLines(roofs: Roofs, across: Decades, up: Decades, x: Scale, y: Scale): Markup {
  const fastest = bandwidthOf(0, roofs) ?? roofs.memory;
  const slants = [
    { name: `memory, ${digits(roofs.memory)} GB/s`, rate: roofs.memory, className: 'roof', named: true },
    ...distinct(roofs).map(({ bytes, rate }) => ({
      name: `${scaled(bytes, 'B')}, ${digits(rate)} GB/s`,
      rate,
      className: 'roof cache',
      named: rate === fastest,
    })),
  ];
  const top = roofs.multiplyAdd;
  return html`${slants.map(({ name, rate, className, named }) => {
    const from = Math.max(10 ** across.low, 10 ** up.low / rate);
    const to = Math.min(10 ** across.high, top / rate);
    if (to <= from) return undefined;
    const angle = (Math.atan2(y(rate * from) - y(rate * to), x(to) - x(from)) * 180) / Math.PI;
    return html`<line class="${className}" x1="${x(from).toFixed(1)}" y1="${y(rate * from).toFixed(1)}" x2="${x(to).toFixed(1)}" y2="${y(rate * to).toFixed(1)}"><title>${name}</title></line>${named && html`<text transform="translate(${(x(from) + 6).toFixed(1)} ${(y(rate * from) - 8).toFixed(1)}) rotate(${(-angle).toFixed(1)})">${name}</text>`}`;
  })}<line class="roof" x1="${x(Math.max(10 ** across.low, top / fastest)).toFixed(1)}" x2="${WIDTH - RIGHT}" y1="${y(top).toFixed(1)}" y2="${y(top).toFixed(1)}"/><text x="${(x(top / fastest) + 6).toFixed(1)}" y="${(y(top) - 8).toFixed(1)}">multiply-adds, ${digits(top)} GFLOP/s</text>`;
}

/** Caches that are faster than the next larger one by a tenth: lines that lie on each other say nothing. */
function distinct({ caches, memory }: Roofs): { bytes: number; rate: number }[] {
  return caches.filter(({ rate }, i) => rate > 1.1 * (caches[i + 1]?.rate ?? memory));
}
