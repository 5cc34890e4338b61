import { join, relative } from 'node:path';
import { closeDevice } from '../../tensor/device.ts';
import type { Config } from '../architecture/config.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { InputError } from '../error.ts';
import { quote, quoteSome } from '../quote.ts';
import { ROOT } from '../shipped.ts';
import type { Batch } from '../train/batch.ts';
import { listOperations } from '../verify/divergence.ts';
import { findGradientGoldens } from '../verify/gradients/gradient-case.ts';
import { type GradientInfo, listGradients } from '../verify/gradients/list-gradients.ts';
import { runGolden } from '../verify/run.ts';
import { findLine, findOperation } from '../verify/sources.ts';
import { listTaps, plainInputs } from '../verify/taps.ts';
import { printErrors, printLine, QUESTION_TOKENS } from './explanation.ts';
import { type Options, openDeviceFor } from './options.ts';
import { bold, dim, print, thousands } from './terminal.ts';

/** `qvl explain NAME.grad`: what a gradient is, which operations make it on the way back, and how far it is from its golden. */
export async function explainGradient(name: string, options: Options): Promise<void> {
  if (options.model && !options.golden) {
    const checkpoint = await openCheckpoint(options.model);
    await checkpoint.close();
    return describe(await pick(checkpoint.config, plainBatch(checkpoint.config), name), checkpoint.config);
  }
  const path = options.golden ?? join(ROOT, 'golden', 'train', 'grad-e');
  const [found] = await findGradientGoldens(path, options.model);
  if (!found) throw new InputError('--golden', `${quote(path)} is no golden of gradients`, 'see golden/train');
  const { golden, checkpoint, close } = await found.open();
  await close();
  const gradient = await pick(checkpoint.config, golden.batch, name);
  await describe(gradient, checkpoint.config);
  if (!golden.taps.has(gradient.of.name)) return print(`  ${dim(`the golden ${found.name} does not hold it`)}`);
  const { device } = await openDeviceFor({ ...options, device: options.device ?? 'cpu' });
  try {
    printErrors(await runGolden(found, device, { modes: ['free', 'forced'], wanted: () => true }), gradient.name);
  } finally {
    await closeDevice(device);
  }
}

/** A picture and a question, every token of which is supervised. */
function plainBatch(config: Config): Batch {
  const { ids, pixels, images } = plainInputs(config, config.visual.n_queries + QUESTION_TOKENS);
  const told = ids.map((id, at) => (at > config.visual.n_queries + 1 ? 0 : id));
  return { sequences: [{ ids: told, labels: told }], pixels, images };
}

async function pick(config: Config, batch: Batch, name: string): Promise<GradientInfo> {
  const gradients = await listGradients(config, batch);
  const found = gradients.find((gradient) => gradient.name === name);
  if (found) return found;
  const last = name.split('.').at(-2) ?? '';
  const near = gradients.map((gradient) => gradient.name).filter((each) => each.includes(last));
  const remedy = near.length > 0 ? `there are ${quoteSome(near)}` : 'name an activation or a weight, then ".grad"';
  throw new InputError('qvl explain', `no gradient is called ${quote(name)}`, remedy);
}

async function describe({ name, of, rows, madeBy, cost, after, operations }: GradientInfo, config: Config) {
  print(bold(name));
  printLine('is', `how the loss changes with each element of the ${of.kind} ${of.name}`);
  printLine('shape', `[${rows.join(', ')}]`);
  const inputs = plainInputs(config, config.visual.n_queries + QUESTION_TOKENS);
  const there = (await listTaps(config, inputs)).find((tap) => tap.name === of.name);
  if (there?.calledAt) {
    const { file, line, code } = await findLine(there.calledAt);
    printLine('there', `${relative(ROOT, file)}:${line}`);
    printLine('', code);
  }
  const made = madeBy === undefined ? undefined : await findOperation(join(ROOT, 'kernels'), madeBy);
  if (made) {
    printLine('made by', `${made.name}, ${relative(ROOT, made.file)}:${made.line}`);
    printLine('', dim(made.comment));
  }
  printLine('since', `${after ?? 'the loss'}: ${listOperations(operations) || 'nothing, it is the same tensor'}`);
  if (cost) printLine('costs', `${thousands(cost.operations, 'FLOP')}, ${thousands(cost.bytes, 'B')} moved`);
}
