import { join, relative } from 'node:path';
import { closeDevice } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { InputError } from '../error.ts';
import { quote, quoteSome } from '../quote.ts';
import { listOperations } from '../verify/divergence.ts';
import { findGoldens, type OpenedCase } from '../verify/open.ts';
import { judgeRun, type Run } from '../verify/report/report.ts';
import { digits, percent, scientific } from '../verify/report/tree.ts';
import { runGolden } from '../verify/run.ts';
import { findLine, findOperation } from '../verify/sources.ts';
import { listTaps, plainInputs, type TapInfo } from '../verify/taps.ts';
import { type Options, openDeviceFor, ROOT } from './options.ts';
import { bold, dim, print, thousands } from './terminal.ts';

/** What a question usually adds to its picture. */
const QUESTION_TOKENS = 24;

/** `qvl explain TAP`: what an activation is, where it is computed, at which cost, and how far it is from its golden. */
export async function runExplain(words: string[], options: Options): Promise<void> {
  const [name] = words;
  if (name === undefined || words.length > 1) {
    throw new InputError(
      'qvl explain',
      `${words.length || 'no'} taps`,
      'name one, as in: qvl explain transformer.h.0.attn.attn_dropout',
    );
  }
  const golden = options.golden ?? (options.model ? undefined : join(ROOT, 'golden/tiny/activations/describe'));
  if (golden === undefined) return explainWithout(name, options.model!);
  const [found] = await findGoldens(golden, options.model);
  const opened = await found.open();
  const tap = await explainFrom(name, opened).finally(() => opened.close());
  if (!opened.golden.taps.has(tap.name)) return print(`  ${dim(`the golden ${found.name} does not hold it`)}`);
  const { device } = await openDeviceFor({ ...options, device: options.device ?? 'cpu' });
  try {
    const run = await runGolden(found, device, { modes: ['free', 'forced'], wanted: () => true });
    printErrors(run, tap.name);
  } finally {
    await closeDevice(device);
  }
}

async function explainWithout(name: string, folder: string): Promise<void> {
  const checkpoint = await openCheckpoint(folder);
  await checkpoint.close();
  const { config } = checkpoint;
  await describe(pick(await listTaps(config, plainInputs(config, config.visual.n_queries + QUESTION_TOKENS)), name));
}

async function explainFrom(name: string, { golden, checkpoint }: OpenedCase): Promise<TapInfo> {
  const tap = pick(await listTaps(checkpoint.config, golden.inputs), name);
  await describe(tap);
  return tap;
}

function pick(taps: readonly TapInfo[], name: string): TapInfo {
  const found = taps.find((tap) => tap.name === name);
  if (found) return found;
  const last = name.split('.').at(-1)!;
  const near = taps.map((tap) => tap.name).filter((each) => each.includes(name) || each.endsWith(last));
  const remedy = near.length > 0 ? `there are ${quoteSome(near)}` : 'see "qvl inspect --taps"';
  throw new InputError('qvl explain', `no tap is called ${quote(name)}`, remedy);
}

async function describe(tap: TapInfo): Promise<void> {
  const line = (label: string, text: string) => {
    for (const [i, part] of text.split('\n').entries()) print(`  ${dim((i === 0 ? label : '').padEnd(10))}${part}`);
  };
  print(bold(tap.name));
  line(
    'shape',
    `[${tap.shape.join(', ')}]${String(tap.shape) === String(tap.rows) ? '' : `, here [${tap.rows.join(', ')}]`}`,
  );
  if (tap.calledAt) {
    const { file, line: number, code, within } = await findLine(tap.calledAt);
    line('in', `${relative(ROOT, file)}:${number}${within ? `, ${within.name}` : ''}`);
    line('', code);
    if (within?.comment) line('', dim(within.comment));
  }
  const made = await findOperation(join(ROOT, 'kernels'), tap.madeBy);
  line('made by', made ? `${made.name}, ${relative(ROOT, made.file)}:${made.line}` : `${tap.madeBy}, on the host`);
  if (tap.operation) line('', tap.operation.signature);
  if (made) line('', dim(made.comment));
  if (tap.after) line('since', `${tap.after}: ${listOperations(tap.operations) || 'nothing, it is the same tensor'}`);
  if (tap.operation)
    line('costs', `${thousands(tap.operation.operations, 'FLOP')}, ${thousands(tap.operation.bytes, 'B')} moved`);
}

function printErrors(run: Run, name: string): void {
  if (run.outcome !== 'measured') throw new DeviceError(`${run.device.name}: ${run.reason}`);
  for (const { mode, taps } of judgeRun(run).modes) {
    const judged = taps.find(({ tap }) => tap.name === name);
    if (!judged) continue;
    const { tap, budget, share } = judged;
    const twin = tap.exact ? `; PyTorch's own float32 ${scientific(tap.exact.pytorch)}` : '';
    print(
      `  ${dim(mode.padEnd(10))}NMSE ${scientific(budget.found)} to ${budget.against}, ${percent(share)} of what is allowed${twin}`,
    );
    print(
      `            ${dim(`worst at ${tap.place}: ${digits(tap.metrics.worst.actual)}, the original has ${digits(tap.metrics.worst.reference)}`)}`,
    );
  }
  print(`  ${dim('ran on'.padEnd(10))}${run.device.description}, golden ${run.golden.name}`);
}
