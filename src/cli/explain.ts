import { join, relative } from 'node:path';
import { closeDevice } from '../../tensor/device.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { InputError } from '../error.ts';
import { quote, quoteSome } from '../quote.ts';
import { ROOT, SHIPPED_MODEL } from '../shipped.ts';
import { listOperations } from '../verify/divergence.ts';
import { findGoldens, type OpenedCase } from '../verify/open.ts';
import { runGolden } from '../verify/run.ts';
import { findLine, findOperation } from '../verify/sources.ts';
import { listTaps, plainInputs, type TapInfo } from '../verify/taps.ts';
import { explainGradient } from './explain-gradient.ts';
import { printErrors, printLine, QUESTION_TOKENS } from './explanation.ts';
import { type Options, openDeviceFor } from './options.ts';
import { bold, dim, print, thousands } from './terminal.ts';

/** `qvl explain TAP`: what an activation, or its gradient, is, where it is computed, at which cost, and how far it is from its golden. */
export async function runExplain(words: string[], options: Options): Promise<void> {
  const [name] = words;
  if (name === undefined || words.length > 1) {
    throw new InputError(
      'qvl explain',
      `${words.length || 'no'} taps`,
      'name one, as in: qvl explain transformer.h.0.attn.attn_dropout',
    );
  }
  if (name.endsWith('.grad')) return explainGradient(name, options);
  const golden = options.golden ?? (options.model ? undefined : join(SHIPPED_MODEL, 'activations', 'describe'));
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
  print(bold(tap.name));
  printLine(
    'shape',
    `[${tap.shape.join(', ')}]${String(tap.shape) === String(tap.rows) ? '' : `, here [${tap.rows.join(', ')}]`}`,
  );
  if (tap.calledAt) {
    const { file, line: number, code, within } = await findLine(tap.calledAt);
    printLine('in', `${relative(ROOT, file)}:${number}${within ? `, ${within.name}` : ''}`);
    printLine('', code);
    if (within?.comment) printLine('', dim(within.comment));
  }
  const made = await findOperation(join(ROOT, 'kernels'), tap.madeBy);
  printLine('made by', made ? `${made.name}, ${relative(ROOT, made.file)}:${made.line}` : `${tap.madeBy}, on the host`);
  if (tap.operation) printLine('', tap.operation.signature);
  if (made) printLine('', dim(made.comment));
  if (tap.after)
    printLine('since', `${tap.after}: ${listOperations(tap.operations) || 'nothing, it is the same tensor'}`);
  if (tap.operation)
    printLine('costs', `${thousands(tap.operation.operations, 'FLOP')}, ${thousands(tap.operation.bytes, 'B')} moved`);
}
