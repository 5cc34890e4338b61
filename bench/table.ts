import type { Row } from './bench.ts';
import type { ExplorerResult } from './explorer.ts';
import type { Timing } from './measure.ts';
import { ratio, reached, share, type Target } from './targets.ts';
import type { TinyResult } from './tiny.ts';

/** A row as a line: our time and its spread, our rates, the share of the roof, and how many times as long the others take. */
export function line(row: Row): string {
  const { name, operations, bytes, limit, timings } = row;
  const { simd } = timings;
  const rate = operations > 0 ? `${(operations / simd.median / 1e6).toFixed(1)}` : '–';
  const others = Object.keys(timings).filter((subject) => subject !== 'simd' && subject !== 'roof');
  return [
    name.padEnd(36),
    `${milliseconds(simd.median)} ms`,
    spread(simd).padStart(6),
    `${rate.padStart(7)} GFLOP/s`,
    `${(bytes / simd.median / 1e6).toFixed(1).padStart(6)} GB/s`,
    `${percent(share(row))} of ${limit === 'memory' ? 'bandwidth ' : 'arithmetic'}`,
    ...others.map((other) => `  ${ratio(row, other).toFixed(2)} × ${other}`),
  ].join(' ');
}

const milliseconds = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(1)).padStart(8);
const percent = (value: number): string => `${(100 * value).toFixed(0).padStart(3)} %`;

/** How far the slowest run was from the fastest, as a share of the median. */
const spread = ({ median, least, most }: Timing): string => `±${((50 * (most - least)) / median).toFixed(0)} %`;

export function tinyLines({ threads, loading, firstToken, tokensPerSecond }: TinyResult): string[] {
  return [
    `Node and the TypeScript loader    ${milliseconds(loading.median)} ms ${spread(loading)}`,
    `first token of an answer          ${milliseconds(firstToken.median)} ms ${spread(firstToken)}`,
    `then, ${threads} thread${threads === 1 ? ' ' : 's'}                   ${tokensPerSecond.median.toFixed(0).padStart(8)} tokens/s ${spread(tokensPerSecond)}`,
  ];
}

export function explorerLines(found: ExplorerResult): string[] {
  const timed = (words: string, timing: Timing) =>
    `${words.padEnd(33)} ${milliseconds(timing.median)} ms ${spread(timing)}`;
  return [
    `${'building the page'.padEnd(33)} ${milliseconds(found.buildMilliseconds)} ms`,
    timed('first paint', found.firstPaint),
    timed('model open', found.modelOpen),
    timed('first answer, whole', found.firstAnswer),
    timed('of processors, by all threads', found.allThreads),
    timed('of that, by the page’s own', found.pageThread),
    `${'longest task while the model runs'.padEnd(33)} ${milliseconds(found.longestTask.median)} ms, at most ${found.longestTask.most.toFixed(0)}`,
    `${'script and style'.padEnd(33)} ${(found.scriptBytes / 1e3).toFixed(0).padStart(8)} kB`,
    `${'all that is kept, with the model'.padEnd(33)} ${(found.allBytes / 1e6).toFixed(1).padStart(8)} MB`,
  ];
}

export function targetLines(targets: readonly Target[]): string[] {
  return targets.map((target) => {
    const { name, wanted, atMost, found } = target;
    const mark = reached(target) ? 'reached' : 'missed ';
    return `${mark}  ${name.padEnd(64)} ${found.toFixed(2).padStart(8)}   wanted ${atMost ? '≤' : '≥'} ${wanted}`;
  });
}
