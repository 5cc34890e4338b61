import { html, type Markup } from '../../src/markup.ts';
import type { TapMeasurement } from '../../src/verify/compare.ts';
import type { Divergence } from '../../src/verify/divergence.ts';
import { placeOf } from '../../src/verify/place.ts';
import { scientific } from '../../src/verify/report/tree.ts';

/** What a picture shows, each in the order of the computation. */
export interface Drawn {
  readonly name: string;
  /** The sound model, running free. */
  readonly sound: readonly TapMeasurement[];
  /** The faulty one, running free, and with every block begun from the original's activation. */
  readonly free: readonly TapMeasurement[];
  readonly forced: readonly TapMeasurement[];
  readonly found: Divergence;
}

const STEP = 8;
const LEFT = 44;
const TOP = 18;
const HEIGHT = 130;
const BOTTOM = 20;
/** Decades of the scale. What is no number, or beyond, lies on its edge. */
const LOW = -18;
const HIGH = 2;

/** The NMSE to the original's activations by depth, on a logarithmic scale. */
export function draw({ name, sound, free, forced, found }: Drawn): Markup {
  const index = new Map(sound.map((tap, i) => [tap.name, i]));
  const x = (tap: string) => LEFT + STEP * (index.get(tap)! + 1);
  const right = LEFT + STEP * (index.size + 1);
  const bottom = TOP + HEIGHT;
  // Relative steps keep the pictures small.
  const line = (className: string, taps: readonly TapMeasurement[]) => {
    const points = taps.map((tap) => [x(tap.name), heightOf(tap.nmse)] as const);
    const steps = points.map(([a, b], i) =>
      i === 0 ? `M${a} ${b}l` : `${a - points[i - 1][0]},${b - points[i - 1][1]}`,
    );
    return points.length > 0 && html`<path class="${className}" d="${steps.join(' ')}"/>\n`;
  };
  const { excess } = found;
  const caption = `${found.name}: ${excess.measure} ${scientific(excess.found)}, allowed ${scientific(excess.allowed)}`;
  const at = x(found.name);
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${right + 24}" height="${bottom + BOTTOM}" role="img">
<title>${name}: error by depth</title>
<style>text{font:9px sans-serif;fill:#666}path{fill:none;stroke-linejoin:round}.sound{stroke:#999}.free{stroke:#c22;stroke-width:1.5}.forced{stroke:#27c}.grid{stroke:#eee}.in{stroke:#c22;stroke-dasharray:2 2}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[-16, -12, -8, -4, 0].map(
  (decade) =>
    html`<path class="grid" d="M${LEFT} ${heightOf(10 ** decade)}H${right}"/><text x="4" y="${heightOf(10 ** decade) + 3}">${decade === 0 ? '1' : `1e${decade}`}</text>`,
)}
${parts(sound).map(({ part, first }) => html`<path class="grid" d="M${x(first) - STEP / 2} ${TOP}V${bottom}"/><text x="${x(first)}" y="12">${part}</text>`)}
<path class="in" d="M${at} ${TOP}V${bottom}"/>
${line('sound', sound)}${line('forced', forced)}${line('free', free)}<text x="${LEFT}" y="${bottom + 14}">${caption}</text>
</svg>\n`;
}

function heightOf(nmse: number): number {
  const decade = Number.isFinite(nmse) ? Math.max(LOW, Math.min(HIGH, Math.log10(nmse))) : HIGH;
  return Math.round(TOP + ((HIGH - decade) * HEIGHT) / (HIGH - LOW));
}

/** Where each stretch of the model begins; those too narrow for their name are left out. */
function parts(taps: readonly TapMeasurement[]): { part: string; first: string }[] {
  const found: { part: string; first: string; count: number }[] = [];
  for (const { name } of taps) {
    const { part } = placeOf(name);
    const last = found.at(-1);
    if (last?.part === part) last.count++;
    else found.push({ part, first: name, count: 1 });
  }
  return found.filter(({ count }) => count > 4);
}
