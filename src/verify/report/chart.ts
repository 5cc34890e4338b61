import { html, type Markup } from '../../markup.ts';
import type { TapMeasurement } from '../compare.ts';
import { placeOf } from '../place.ts';
import type { Verdict } from './report.ts';
import { scientific } from './tree.ts';

const WIDTH = 1080;
const HEIGHT = 320;
const LEFT = 52;
const RIGHT = 12;
const TOP = 26;
const BOTTOM = 22;
/** With more taps than this the lines say all; points would hide them. */
const MOST_POINTS = 400;

interface Series {
  readonly className: string;
  readonly label: string;
  readonly points: readonly Point[];
}

interface Point {
  readonly x: number;
  readonly tap: string;
  readonly value: number;
  readonly over: boolean;
}

/** Error against depth on a logarithmic scale: each tap in the order of the computation, one line a kind of comparison. */
export function depthChart(verdict: Verdict): Markup {
  const names = [...new Set(verdict.modes.flatMap(({ taps }) => taps.map(({ tap }) => tap.name)))];
  const series = seriesOf(verdict, names).filter(({ points }) => points.length > 0);
  const values = series
    .flatMap(({ points }) => points.map(({ value }) => value))
    .filter((v) => v > 0 && Number.isFinite(v));
  if (values.length === 0) return html`<p class="dim">Every activation is equal to the original's, to the bit.</p>`;
  const low = Math.floor(Math.log10(Math.min(...values))) - 1;
  const high = Math.max(low + 2, Math.ceil(Math.log10(Math.max(...values))));
  const x = (i: number) => LEFT + ((i + 0.5) * (WIDTH - LEFT - RIGHT)) / names.length;
  const y = (value: number) => {
    const at = value > 0 ? Math.min(high, Math.max(low, Math.log10(value))) : low; // 0 lies on the axis
    return TOP + ((high - at) * (HEIGHT - TOP - BOTTOM)) / (high - low);
  };
  return html`<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="NMSE of every tap">
${bands(names, x)}${grid(low, high, y)}
${series.map(({ className, points }) => line(className, points, x, y))}</svg>
<figcaption>${series.map(({ className, label }) => html`<span class="key ${className}">${label}</span>`)}</figcaption></figure>`;
}

function seriesOf({ modes }: Verdict, names: readonly string[]): Series[] {
  const index = new Map(names.map((name, i) => [name, i]));
  const pick = (mode: 'free' | 'forced', value: (tap: TapMeasurement) => number | undefined): Point[] =>
    (modes.find((each) => each.mode === mode)?.taps ?? []).flatMap(({ tap, excess }) => {
      const found = value(tap);
      return found === undefined
        ? []
        : [{ x: index.get(tap.name)!, tap: tap.name, value: found, over: excess !== undefined }];
    });
  return [
    {
      className: 'pytorch',
      label: 'PyTorch float32 to float64',
      points: pick('free', ({ exact }) => exact?.pytorch).map((point) => ({ ...point, over: false })),
    },
    { className: 'free', label: 'ours to PyTorch float32, free-running', points: pick('free', ({ nmse }) => nmse) },
    {
      className: 'forced',
      label: 'ours to PyTorch float32, each block from the original’s input',
      points: pick('forced', ({ nmse }) => nmse),
    },
    { className: 'exact', label: 'ours to float64', points: pick('free', ({ exact }) => exact?.ours) },
  ];
}

function line(
  className: string,
  points: readonly Point[],
  x: (i: number) => number,
  y: (value: number) => number,
): Markup {
  // What is equal to the bit stands on the axis as a point: a line down to it would suggest a slope.
  const path = points
    .map((point, i) => {
      if (point.value === 0) return '';
      const move = i === 0 || points[i - 1].value === 0;
      return `${move ? 'M' : 'L'}${x(point.x).toFixed(1)} ${y(point.value).toFixed(1)}`;
    })
    .join('');
  const shown = points.length <= MOST_POINTS ? points : points.filter(({ over }) => over);
  return html`<g class="${className}"><path d="${path}"/>${shown.map(
    ({ x: i, tap, value, over }) =>
      html`<circle cx="${x(i).toFixed(1)}" cy="${y(value).toFixed(1)}" r="${over ? 4 : 2}"${over && html` class="over"`}><title>${tap}: ${scientific(value)}</title></circle>`,
  )}</g>`;
}

/** One horizontal line a decade, with a number at every second. */
function grid(low: number, high: number, y: (value: number) => number): Markup[] {
  const step = high - low > 12 ? 4 : 2;
  return Array.from({ length: high - low + 1 }, (_, i) => {
    const at = y(10 ** (low + i)).toFixed(1);
    const text =
      (low + i) % step === 0 &&
      html`<text x="${LEFT - 6}" y="${at}" class="tick">10<tspan dy="-5" class="power">${low + i}</tspan></text>`;
    return html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>${text}`;
  });
}

/** Shaded stretches: every second block; above them the parts. */
function bands(names: readonly string[], x: (i: number) => number): Markup {
  const half = (x(1) - x(0)) / 2;
  const runs = (key: (name: string) => string) => {
    const found: { key: string; from: number; to: number }[] = [];
    for (const [i, name] of names.entries()) {
      const last = found.at(-1);
      if (last?.key === key(name)) last.to = i;
      else found.push({ key: key(name), from: i, to: i });
    }
    return found;
  };
  const groups = runs((name) => placeOf(name).group).map(({ from, to }, i) =>
    i % 2 === 0
      ? html`<rect class="band" x="${(x(from) - half).toFixed(1)}" y="${TOP}" width="${(x(to) - x(from) + 2 * half).toFixed(1)}" height="${HEIGHT - TOP - BOTTOM}"/>`
      : undefined,
  );
  const parts = runs((name) => placeOf(name).part)
    .filter(({ from, to }) => x(to) - x(from) > 60)
    .map(
      ({ key, from, to }) => html`<text class="part" x="${((x(from) + x(to)) / 2).toFixed(1)}" y="16">${key}</text>`,
    );
  return html`${groups}${parts}<text class="part" x="${WIDTH / 2}" y="${HEIGHT - 4}">depth, tap by tap → (on the axis: equal to the bit)</text>`;
}
