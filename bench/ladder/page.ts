import { describeMachine, type Machine } from '../../src/profile/machine.ts';
import type { Measurement } from './measure.ts';
import { digits, markdown, percent, ratio, spread } from './page-format.ts';
import { gpuSection } from './page-gpu.ts';
import type { GpuResults, Instructions, ProductName, Rung } from './rung.ts';

export interface RungResult extends Readonly<Record<ProductName, Measurement>> {
  readonly name: string;
  readonly instructions: Instructions;
  readonly threads: number;
}

/** A run of the ladder: what `--json` writes. */
export interface LadderResult {
  readonly date: string;
  readonly machine: Machine;
  readonly threads: number;
  /** The best instructions of the engine. */
  readonly best: Instructions;
  readonly K: number;
  readonly N: number;
  readonly rungs: readonly RungResult[];
  readonly gpu?: GpuResults | undefined;
}

/** What a rung shows, by file: see `codeOf`. */
export type Code = readonly (readonly [file: string, code: string])[];

const NAMES: Readonly<Record<Instructions, string>> = {
  scalar: 'scalar JavaScript',
  simd: 'SIMD, multiply + add',
  fused: 'SIMD, fused multiply-add',
};

/**
 * The ladder as a page of Markdown.
 *
 * @param rungs those that were measured, in the same order
 * @param code what each of them shows, by name
 */
export function page(result: LadderResult, rungs: readonly Rung[], code: Readonly<Record<string, Code>>): string {
  const { K, N, threads } = result;
  return [
    '# The ladder',
    `One matrix product, y = x · wᵀ, climbed rung by rung: \`x[M, ${K}]\`, \`w[${N}, ${K}]\` as PyTorch stores it, the size of the decoder's layers. Prefill has ${rowsOfAll(result)} rows and is bound by arithmetic; a slow rung takes fewer of them, and GFLOP/s compare. Decode has one row: every weight is read once and used once, so it is bound by memory, and GB/s count the bytes of the weights as the rung keeps them. Each rung was compared with float64 before it was timed. Rungs that got slower stay.`,
    `Written by \`npm run bench -- ladder\` on ${result.date}: ${describeMachine(result.machine)}. Medians, and from the fastest to the slowest run. Predictions were written before anything was measured, with two threads in mind, and stay as they were.`,
    `A share is of a roof that was measured beside, in the same seconds: for arithmetic a loop of multiply-adds from register to register, for memory a sweep through 512 MB. *Own roof* has the rung's instructions and threads. *Machine* has the best instructions (${NAMES[result.best]}) and all threads (${threads}), and is the highest of the whole run.`,
    roofTable(result),
    '## Prefill',
    table(result, rungs, 'prefill'),
    chart(result, rungs, 'prefill'),
    '## Decode',
    'Between two runs more memory is swept than caches hold, as all other layers are read before a weight is needed again.',
    table(result, rungs, 'decode'),
    chart(result, rungs, 'decode'),
    '## The rungs',
    ...result.rungs.map((measured, i) => section(rungs[i], measured, result.rungs[i - 1], code[measured.name])),
    ...(result.gpu ? gpuSection(result.gpu) : []),
  ]
    .join('\n\n')
    .concat('\n');
}

const rowsOfAll = ({ rungs }: LadderResult): number => Math.max(...rungs.map(({ prefill }) => prefill.rows));

/** The roofs of the run, each as it was highest. */
function roofTable({ rungs }: LadderResult): string {
  const highest = new Map<string, readonly [unit: string, rate: number]>();
  const note = (name: string, threads: number, unit: string, rate: number) => {
    const key = `${name}, ${count(threads)}`;
    highest.set(key, [unit, Math.max(rate, highest.get(key)?.[1] ?? 0)]);
  };
  for (const { instructions, threads, prefill } of rungs) note(NAMES[instructions], threads, 'GFLOP/s', prefill.roof);
  for (const { threads, decode } of rungs) note('memory sweep', threads, 'GB/s', decode.roof);
  return markdown(
    ['roof', 'highest'],
    [...highest].map(([name, [unit, rate]]) => [name, `${digits(rate)} ${unit}`]),
  );
}

const count = (threads: number): string => (threads === 1 ? 'one thread' : `${threads} threads`);

function table({ rungs: results }: LadderResult, rungs: readonly Rung[], product: ProductName): string {
  const unit = product === 'prefill' ? 'GFLOP/s' : 'GB/s';
  const head = ['rung', ...(product === 'prefill' ? ['rows'] : []), 'ms', 'from – to', unit];
  // A roof is what is never exceeded: the highest of the whole run.
  const machine = Math.max(...results.map((result) => result[product].machine));
  const rows = results.map((result, i) => {
    const { rows, timing, rate, roof } = result[product];
    const { predicted, title } = rungs[i];
    return [
      `[${title}](#${anchor(rungs[i])})`,
      ...(product === 'prefill' ? [`${rows}`] : []),
      digits(timing.median),
      spread(timing),
      digits(rate),
      percent(rate / roof),
      percent(rate / machine),
      predicted ? ratio(predicted[product]) : '',
      i > 0 ? ratio(faster(result[product], results[i - 1][product])) : '',
    ];
  });
  return markdown([...head, 'own roof', 'machine', 'predicted', 'measured'], rows);
}

/** How many times as fast as the rung before; time counts by row. */
const faster = (now: Measurement, before: Measurement): number =>
  before.timing.median / before.rows / (now.timing.median / now.rows);

const BAR = 50;

/** Rates as bars, a cell an eighth at a time. */
function chart({ rungs: results }: LadderResult, rungs: readonly Rung[], product: ProductName): string {
  const speed = (measured: Measurement) => measured.rows / measured.timing.median;
  const most = Math.max(...results.map((result) => speed(result[product])));
  const width = Math.max(...rungs.map(({ title }) => title.length));
  const bars = results.map((result, i) => {
    const eighths = Math.max(1, Math.round((8 * BAR * speed(result[product])) / most));
    const bar = '█'.repeat(eighths >> 3) + ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths & 7];
    return `${rungs[i].title.padEnd(width)} ${bar} ${digits(1000 * speed(result[product]))}`;
  });
  return `Rows a second:\n\n\`\`\`\n${bars.join('\n')}\n\`\`\``;
}

function section(
  rung: Rung,
  { threads, prefill, decode }: RungResult,
  before: RungResult | undefined,
  code: Code,
): string {
  const factor = (product: ProductName, measured: Measurement): string =>
    before && rung.predicted
      ? `, ${ratio(faster(measured, before[product]))} the rung before (predicted: ${ratio(rung.predicted[product])})`
      : '';
  return [
    `### ${heading(rung)}`,
    `**Prediction.** ${rung.prediction}`,
    ...code.map(([file, text]) => `**Code** in [${file}](../${file}):\n\n\`\`\`ts\n${text}\n\`\`\``),
    `**Measured**, ${NAMES[rung.instructions]}, ${count(threads)}. Prefill of ${prefill.rows} rows: ${digits(prefill.rate)} GFLOP/s, ${percent(prefill.rate / prefill.roof)} of its own roof${factor('prefill', prefill)}. Decode: ${digits(decode.rate)} GB/s, ${percent(decode.rate / decode.roof)} of the sweep${factor('decode', decode)}.`,
    `**Why.** ${rung.why}`,
  ].join('\n\n');
}

const heading = ({ name, title }: Rung): string => `${Number(name.slice(0, 2))}. ${title}`;

/** As GitHub makes it of a heading: small letters, digits and hyphens for spaces. */
const anchor = (rung: Rung): string =>
  heading(rung)
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
