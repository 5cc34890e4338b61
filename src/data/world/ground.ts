import type { Random } from '../random.ts';
import { anyColour, distance, type Rgb } from './colour.ts';

/** What stands behind everything: two colours, and how they are mixed. */
export interface Ground {
  readonly kind: keyof typeof GROUNDS;
  readonly colours: readonly [Rgb, Rgb];
  mixRow: MixRow;
}

/** How much there is of the second colour, 0 … 1, at some places x of the row y (0 … 1 each way): written into `mix`, for one call a pixel is slow. */
type MixRow = (y: number, xs: Float64Array, mix: Float64Array) => void;

const clamp = (value: number): number => Math.min(1, Math.max(0, value));
const smooth = (t: number): number => t * t * (3 - 2 * t);

/** How each kind mixes, for the numbers that it draws. */
const GROUNDS = {
  plain: () => (_y, _xs, mix) => void mix.fill(0),
  graded(random: Random) {
    const angle = random() * 2 * Math.PI;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return (y, xs, mix) => {
      for (let i = 0; i < xs.length; i++) mix[i] = clamp(0.5 + (xs[i] - 0.5) * c + (y - 0.5) * s);
    };
  },
  lit(random: Random) {
    const [cx, cy, reach] = [random(), random(), random.between(0.5, 1.1)];
    // Math.hypot takes ten times as long.
    return (y, xs, mix) => {
      for (let i = 0; i < xs.length; i++) {
        mix[i] = clamp(Math.sqrt((xs[i] - cx) * (xs[i] - cx) + (y - cy) * (y - cy)) / reach);
      }
    };
  },
  striped(random: Random) {
    const [angle, width] = [random() * Math.PI, random.between(0.05, 0.25)];
    const [c, s] = [Math.cos(angle) / width, Math.sin(angle) / width];
    return (y, xs, mix) => {
      for (let i = 0; i < xs.length; i++) {
        const across = xs[i] * c + y * s;
        mix[i] = clamp(Math.abs(across - 2 * Math.floor(across / 2) - 1) * 4 - 1.5);
      }
    };
  },
  chequered(random: Random) {
    const width = random.between(0.08, 0.3);
    return (y, xs, mix) => {
      const row = Math.floor(y / width);
      for (let i = 0; i < xs.length; i++) mix[i] = (Math.floor(xs[i] / width) + row) & 1;
    };
  },
  cloudy(random: Random) {
    const cells = random.whole(3, 14);
    const lattice = Float32Array.from({ length: (cells + 2) ** 2 }, random);
    return (y, xs, mix) => {
      const row = Math.floor(y * cells);
      const v = smooth(y * cells - row);
      for (let i = 0; i < xs.length; i++) {
        const column = Math.floor(xs[i] * cells);
        const u = smooth(xs[i] * cells - column);
        const at = row * (cells + 2) + column;
        const upper = lattice[at] * (1 - u) + lattice[at + 1] * u;
        const lower = lattice[at + cells + 2] * (1 - u) + lattice[at + cells + 3] * u;
        mix[i] = upper * (1 - v) + lower * v;
      }
    };
  },
} as const satisfies Record<string, (random: Random) => MixRow>;

/** A colour that stands on a ground, and how far those of the ground should be from it. */
export interface Shown {
  readonly colour: Rgb;
  readonly apart: number;
}

/** How many colours are tried: with five things none may be far enough from all, and the best is taken. */
const TRIALS = 16;

/** A ground on which things are seen. */
export function groundFor(random: Random, shown: readonly Shown[]): Ground {
  const kind = random.share({ plain: 0.25, graded: 0.2, lit: 0.1, striped: 0.1, chequered: 0.1, cloudy: 0.25 });
  const clearance = (other: Rgb) => Math.min(1, ...shown.map(({ colour, apart }) => distance(colour, other) / apart));
  const unlike = (): Rgb => {
    let best = anyColour(random);
    for (let trial = 1; trial < TRIALS && clearance(best) < 1; trial++) {
      const other = anyColour(random);
      if (clearance(other) > clearance(best)) best = other;
    }
    return best;
  };
  return { kind, colours: [unlike(), unlike()], mixRow: GROUNDS[kind](random) };
}
