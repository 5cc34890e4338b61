import type { Row } from './bench.ts';
import type { ExplorerResult } from './explorer.ts';
import type { TinyResult } from './tiny.ts';

/** What this project wants to reach, and how far it is. */
export interface Target {
  readonly name: string;
  /** At least, or at most if `atMost`. */
  readonly wanted: number;
  readonly atMost?: boolean;
  readonly found: number;
}

export const reached = ({ wanted, atMost, found }: Target): boolean => (atMost ? found <= wanted : found >= wanted);

/** How many times as long the other takes as we do. */
export const ratio = ({ timings }: Row, other: string): number =>
  (timings[other]?.median ?? Number.NaN) / timings.simd.median;

/** The share of what the roof beside allowed. */
export const share = (row: Row): number => ratio(row, 'roof');

/** Those targets of which something was measured. */
export function targets(
  rows: readonly Row[],
  tiny: TinyResult | undefined,
  explorer?: ExplorerResult | undefined,
): Target[] {
  const found: Target[] = [];
  const add = (name: string, wanted: number, value: number, atMost = false) => {
    if (!Number.isNaN(value)) found.push({ name, wanted, found: value, ...(atMost ? { atMost } : {}) });
  };
  for (const row of rows) {
    const { section, name, limit } = row;
    if (section === 'products' && limit === 'arithmetic' && row.timings['simd, 1 thread']) {
      add(`${name}: × onnxruntime-web`, 1.5, ratio(row, 'onnxruntime-web'));
      add(`${name}: × tfjs`, 3, ratio(row, 'tfjs'));
      add(`${name}: × onnxruntime-node`, 0.35, ratio(row, 'onnxruntime-node'));
      add(`${name}: share of the roof`, 0.8, share(row));
      add(`${name}: two threads × one`, 1.8, ratio(row, 'simd, 1 thread'));
    }
    if (section === 'blocks') {
      if (limit === 'arithmetic') add(`${name}: × its products`, 1.15, 1 / ratio(row, 'its products'), true);
      else add(`${name}: share of memory bandwidth`, 0.6, share(row));
      if (limit === 'arithmetic') add(`${name}: two threads × one`, 1.8, ratio(row, 'simd, 1 thread'));
    }
  }
  for (const row of rows.filter(({ section }) => section === 'training')) {
    const { name } = row;
    const there = ratio(row, 'its way there');
    if (name.startsWith('weight gradient')) add(`${name}: share of the roof`, 0.75, share(row));
    // What is timed goes there and back.
    else if (name.includes('block,')) add(`${name}: back, × its way there`, 3.3, 1 / there - 1, true);
    if (!name.startsWith('step')) continue;
    add(`${name}: share of the roof`, 0.7, share(row));
    add(`${name}: × PyTorch`, 0.6, ratio(row, 'PyTorch'));
    add(`${name}: two threads × one`, 1.8, ratio(row, 'simd, 1 thread'));
  }
  if (tiny) {
    add('shipped model: milliseconds to the first token', 500, tiny.firstToken.median, true);
    add('shipped model: tokens a second', 400, tiny.tokensPerSecond.median);
  }
  if (explorer) {
    add('page: milliseconds to the first paint', 1000, explorer.firstPaint.median, true);
    add('page: milliseconds to the first answer', 3000, explorer.firstAnswer.median, true);
    add('page: milliseconds that it is busy at a time', 50, explorer.longestTask.median, true);
    add('page: kB of script and style', 350, explorer.scriptBytes / 1e3, true);
    add('page: MB with the model', 25, explorer.allBytes / 1e6, true);
  }
  return found;
}
