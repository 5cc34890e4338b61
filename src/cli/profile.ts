import { relative } from 'node:path';
import type { Device } from '../../tensor/device.ts';
import { InputError } from '../error.ts';
import type { System } from '../generate/system.ts';
import { pixelsOf } from '../input/picture/resize.ts';
import { imageRows } from '../model/placed-images.ts';
import type { DeviceName } from '../open-device.ts';
import { clockFor } from '../profile/device-clock.ts';
import { profilePage } from '../profile/html.ts';
import { describeWork, type ProfileContext, profileJson } from '../profile/json.ts';
import { describeMachine, machine } from '../profile/machine.ts';
import { forwardPass, type Workload } from '../profile/pass.ts';
import { profilePasses } from '../profile/profile.ts';
import type { PassRecord } from '../profile/record.ts';
import { roofsOf } from '../profile/roof-cache.ts';
import { areLow, type Roofs } from '../profile/roofs.ts';
import { impossible } from '../profile/summary.ts';
import { profileLines } from '../profile/table.ts';
import { scaled } from '../profile/text.ts';
import { traceEvents } from '../profile/trace-events.ts';
import { trainingStep } from '../profile/training-step.ts';
import type { Watch } from '../profile/watch.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { treatments } from '../train/groups.ts';
import { createOptimiser } from '../train/optimiser.ts';
import { practiceBatch } from '../train/practice-batch.ts';
import { openSystemFor } from './ask.ts';
import { save } from './files.ts';
import { type Options, threadsOf, wholeNumber } from './options.ts';
import { picturesFor } from './pictures.ts';
import { madeHere } from './publish.ts';
import { promptFor } from './question.ts';
import { bold, dim, print, say, sayPassing } from './terminal.ts';

const DEFAULT_TOKENS = 8;
const MOST_TOKENS = 4096;
/** Of a step of training, and the tokens of each conversation. */
const DEFAULT_CONVERSATIONS = 32;
const DEFAULT_LENGTH = 60;
const MOST_CONVERSATIONS = 4096;

/** `qvl profile PICTURE… "QUESTION"`, or `--train`: where the time goes, kernel by kernel. */
export async function runProfile(words: string[], options: Options): Promise<void> {
  const prepare = options.train ? trainingWork(words, options) : await answerWork(words, options);
  const installed = await clockFor((options.device ?? 'auto') as DeviceName); // wraps what the device is opened with
  const restore = () => 'restore' in installed && installed.restore();
  const { system, report, close } = await openSystemFor(options).catch((error) => {
    restore();
    throw error;
  });
  try {
    report.stop();
    const { device } = system.model;
    const { run, work } = prepare(system);
    const clocked = device.name === 'webgpu' || device.name === 'webgl2'; // `auto` may have become another
    const clock = clocked && 'start' in installed ? installed : undefined;
    const found = await profilePasses(device, run, {
      clock,
      onPass: (kind, run) => sayPassing(dim(`  ${kind === 'first' ? 'the first pass' : `pass ${run + 1}, ${kind}`}`)),
    });
    sayPassing('');
    const roofs = await roofsFor(device, found.stepwise, options);
    const context: ProfileContext = {
      made: await madeHere(),
      machine: describeMachine(machine()),
      device: { name: device.name, description: device.description },
      ...{ roofs, work },
      model: relative('', options.model ?? SHIPPED_MODEL) || '.',
    };
    const { title, amount, span } = describeWork(work, found.tokens.length);
    print(`${bold(title)}  ${amount} · of ${found.runs} runs the one whose model was fastest`);
    print(
      `roofs: ${roofs.multiplyAdd.toFixed(1)} GFLOP/s, ${roofs.memory.toFixed(1)} GB/s from memory${roofs.caches.map(({ bytes, rate }) => `, ${rate.toFixed(0)} within ${scaled(bytes, 'B')}`).join('')}; an empty launch ${(1000 * roofs.launch).toFixed(0)} µs`,
    );
    print(`at most ${scaled(device.memory.peakBytes, 'B')} of tensors at a time`);
    print('');
    for (const line of profileLines(found, roofs, span)) print(line);
    if (options.trace) await save(options.trace, JSON.stringify(traceEvents(found, device.description)), '--trace');
    if (options.html) await save(options.html, profilePage(context, found), '--html');
    if (options.json) await save(options.json, profileJson(context, found), '--json');
  } finally {
    restore();
    await close();
  }
}

/** What is profiled, once the model is there. @returns runs it, and what it is called */
type Prepare = (system: System) => {
  run(watching: Watch): Promise<readonly number[]>;
  work: ProfileContext['work'];
};

/** An answer about pictures. Bad input is known before any work starts. */
async function answerWork(words: readonly string[], options: Options): Promise<Prepare> {
  refuse(options, 'batch', 'recompute');
  const question = words.at(-1);
  const paths = words.slice(0, -1);
  if (question === undefined || paths.length === 0) {
    const remedy = 'as in: qvl profile cat.jpg "What is in it?" --html cat.html';
    throw new InputError('qvl profile', 'a picture and a question are needed', remedy);
  }
  const tokens = wholeNumber(options, 'tokens', MOST_TOKENS) ?? DEFAULT_TOKENS;
  const pictures = await picturesFor(paths, options);
  return (system) => {
    const { model } = system;
    const { ids, shown } = promptFor(system, question, pictures);
    const room = model.config.max_position_embeddings - ids.length;
    if (tokens > room) throw new InputError('--tokens', `${tokens}, and there is room for ${room}`, 'make fewer');
    const order = shown.map((picture) => paths[pictures.indexOf(picture)]);
    const fed: Workload = {
      pixels: async () => pixelsOf(await picturesFor(order, options), model.config.visual.image_size),
      images: shown.length,
      ids,
      source: imageRows([ids], model.config),
      tokens,
    };
    return { run: (watching) => forwardPass(model, fed, watching), work: { question, prompt: ids.length } };
  };
}

/** A step of training on a batch that means nothing. */
function trainingWork(words: readonly string[], options: Options): Prepare {
  if (words.length > 0) {
    throw new InputError('qvl profile --train', 'it takes no picture and no question', 'leave them out');
  }
  const conversations = wholeNumber(options, 'batch', MOST_CONVERSATIONS) ?? DEFAULT_CONVERSATIONS;
  const recompute = options.recompute ?? false;
  return ({ model }) => {
    const { config } = model;
    const marks = config.visual.n_queries + 2;
    const length =
      wholeNumber(options, 'tokens', config.max_position_embeddings) ?? Math.max(marks + 1, DEFAULT_LENGTH);
    if (length <= marks) {
      throw new InputError('--tokens', `${length}, and a picture takes ${marks}`, 'give more, to train on some text');
    }
    const batch = practiceBatch(config, { conversations, tokens: length });
    const optimiser = createOptimiser(model, treatments(config, { decay: 0, layerDecay: 1 }));
    return {
      async run(watch) {
        await trainingStep(model, batch, { optimiser, recompute, watch });
        return [];
      },
      work: { conversations, length, recompute },
    };
  };
}

/** @throws InputError for options of a step of training where an answer is profiled */
function refuse(options: Options, ...names: readonly ('batch' | 'recompute')[]): void {
  for (const name of names) {
    if (options[name] !== undefined) throw new InputError(`--${name}`, 'it is for --train', 'give both, or none');
  }
}

/** A roof that was exceeded is measured anew, but not for ever. */
const MOST_MEASUREMENTS = 3;

/** Those of an earlier run, if they are high enough: where launches stand above them, they are measured again before anything is blamed. */
async function roofsFor(device: Device, pass: PassRecord, options: Options): Promise<Roofs> {
  const measure = (how: 'kept' | 'higher' | 'anew', why = '') =>
    roofsOf(device, threadsOf(options), {
      how,
      measuring: () => say(dim(`  the roofs of this machine are measured${why}, which takes some seconds`)),
    });
  let roofs = await measure(options.roofs ? 'anew' : 'kept');
  for (let i = 1; i < MOST_MEASUREMENTS; i++) {
    const above = impossible(pass, roofs).length;
    if (above === 0) break;
    roofs = await measure(
      'higher',
      ` again, as ${above === 1 ? 'a launch stands' : `${above} launches stand`} above them`,
    );
  }
  if (areLow(roofs)) {
    const others = `other programs took ${(100 * roofs.others!).toFixed(0)} % of the processors meanwhile`;
    say(dim(`  ${others}: the roofs are too low, and are measured again with the next profile`));
  }
  return roofs;
}
