import { describeMachine, type Machine } from '../../src/profile/machine.ts';
import type { Timing } from '../measure.ts';
import type { Measurement } from './measure.ts';
import type { Instructions, ProductName, Rung } from './rung.ts';

export interface RungResult extends Readonly<Record<ProductName, Measurement>> {
  readonly name: string;
  readonly instructions: Instructions;
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
}

/** What a rung's file shows: the lines between `#region kernel` and `#endregion`. */
export function regionOf(source: string): string {
  const found = /^\/\/ #region kernel\n(.*?)^\/\/ #endregion$/ms.exec(source);
  if (!found) throw new Error('a rung has no "// #region kernel" … "// #endregion"');
  return found[1].trimEnd();
}

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
export function page(result: LadderResult, rungs: readonly Rung[], code: Readonly<Record<string, string>>): string {
  const { K, N, threads } = result;
  return [
    '# The ladder',
    `One matrix product, y = x · wᵀ, climbed rung by rung: \`x[M, ${K}]\`, \`w[${N}, ${K}]\` as PyTorch stores it, the size of the decoder's layers. Prefill has ${rowsOfAll(result)} rows and is bound by arithmetic; a slow rung takes fewer of them, and GFLOP/s compare. Decode has one row: every weight is read once and used once, so it is bound by memory, and GB/s count the bytes of the weights as the rung keeps them. Each rung was compared with float64 before it was timed. Rungs that got slower stay.`,
    `Written by \`npm run bench -- ladder\` on ${result.date}: ${describeMachine(result.machine)}. Medians, and from the fastest to the slowest run. Predictions were written before anything was measured, with two threads in mind, and stay as they were.`,
    `A share is of a roof that was measured beside, in the same seconds: for arithmetic a loop of multiply-adds from register to register, for memory a sweep through 512 MB. *Own roof* has the rung's instructions and threads. *Machine* has the best instructions (${NAMES[result.best]}) and all threads (${threads}).`,
    roofTable(result),
    '## Prefill',
    table(result, rungs, 'prefill'),
    chart(result, rungs, 'prefill'),
    '## Decode',
    'Between two runs more memory is swept than caches hold, as all other layers are read before a weight is needed again.',
    table(result, rungs, 'decode'),
    chart(result, rungs, 'decode'),
    '# The rungs',
    ...result.rungs.map((measured, i) => section(result, rungs[i], measured, result.rungs[i - 1], code)),
  ]
    .join('\n\n')
    .concat('\n');
}

const rowsOfAll = ({ rungs }: LadderResult): number => Math.max(...rungs.map(({ prefill }) => prefill.rows));

/** The roofs of the run, each as it was highest. */
function roofTable({ rungs, threads }: LadderResult): string {
  const highest = new Map<string, number>();
  const note = (name: string, rate: number) => highest.set(name, Math.max(rate, highest.get(name) ?? 0));
  for (const { instructions, prefill, decode } of rungs) {
    note(`${NAMES[instructions]}, GFLOP/s`, prefill.roof);
    note('all threads, best instructions, GFLOP/s', prefill.machine);
    note('memory sweep, GB/s', decode.roof);
    note(`memory sweep, ${threads} threads, GB/s`, decode.machine);
  }
  return markdown(
    ['roof', 'highest'],
    [...highest].map(([name, rate]) => [name, digits(rate)]),
  );
}

function table({ rungs: results }: LadderResult, rungs: readonly Rung[], product: ProductName): string {
  const unit = product === 'prefill' ? 'GFLOP/s' : 'GB/s';
  const head = ['rung', ...(product === 'prefill' ? ['rows'] : []), 'ms', 'from – to', unit];
  const rows = results.map((result, i) => {
    const { rows, timing, rate, roof, machine } = result[product];
    const { predicted, title, name } = rungs[i];
    return [
      `[${title}](#${anchor(rungs[i])})`,
      ...(product === 'prefill' ? [`${rows}`] : []),
      digits(timing.median),
      spread(timing),
      digits(rate),
      percent(rate / roof),
      percent(rate / machine),
      predicted ? `${digits(predicted[product])} ×` : '',
      i > 0 ? `${digits(faster(result[product], results[i - 1][product]))} ×` : '',
      `[${name.slice(0, 2)}](ladder/rungs/${name}.ts)`,
    ];
  });
  return markdown([...head, 'own roof', 'machine', 'predicted', 'measured', 'file'], rows);
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
  result: LadderResult,
  rung: Rung,
  { prefill, decode }: RungResult,
  before: RungResult | undefined,
  code: Readonly<Record<string, string>>,
): string {
  const factor = (product: ProductName, measured: Measurement): string =>
    before
      ? `, ${digits(faster(measured, before[product]))} × the rung before (predicted ${digits(rung.predicted?.[product] ?? 1)})`
      : '';
  const count = rung.threads === 'all' ? `${result.threads} threads` : 'one thread';
  return [
    `## ${heading(rung)}`,
    `*Prediction.* ${rung.prediction}`,
    `\`\`\`ts\n${code[rung.name]}\n\`\`\``,
    `*Measured*, ${count}, ${NAMES[rung.instructions]}. Prefill of ${prefill.rows} rows: ${digits(prefill.rate)} GFLOP/s, ${percent(prefill.rate / prefill.roof)} of its own roof${factor('prefill', prefill)}. Decode: ${digits(decode.rate)} GB/s, ${percent(decode.rate / decode.roof)} of the sweep${factor('decode', decode)}.`,
    `*Why.* ${rung.why}`,
  ].join('\n\n');
}

const heading = ({ name, title }: Rung): string => `${Number(name.slice(0, 2))}. ${title}`;

/** As GitHub makes it of a heading: small letters, digits and hyphens for spaces. */
const anchor = (rung: Rung): string =>
  heading(rung)
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

/** Three significant digits. */
const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(value < 0.1 ? 2 : 3));
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const spread = ({ least, most }: Timing): string => `${digits(least)} – ${digits(most)}`;
