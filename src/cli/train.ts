import { join, relative } from 'node:path';
import { closeDevice } from '../../tensor/device.ts';
import { read } from '../../tensor/tensor.ts';
import { writeTexts, writeWeights } from '../checkpoint/write-folder.ts';
import { InputError } from '../error.ts';
import { isObject, parseJson } from '../fields.ts';
import { freeModel, type Model } from '../model/qwen-vl.ts';
import { curvesJson, curvesPage } from '../train/curves.ts';
import { train } from '../train/run.ts';
import type { RunSettings } from '../train/settings.ts';
import { type StepRecord, saveState } from '../train/state.ts';
import { writeWhole } from '../write-file.ts';
import { type Options, openDeviceFor, threadsOf } from './options.ts';
import { madeHere } from './publish.ts';
import { bold, dim, say, thousands } from './terminal.ts';
import { writeFactors } from './train-lora.ts';
import { printPrice } from './train-price.ts';
import { reportTraining } from './train-progress.ts';
import { newRun, resumedRun, STATE, type Start } from './train-start.ts';

const INTERRUPTED = 130;

/** `qvl train [FILE.jsonl] --out FOLDER`, `qvl train [FILE.jsonl] --resume FOLDER/training.safetensors` */
export async function runTrain(words: string[], options: Options): Promise<void> {
  if (options.price) return printPrice(words, options);
  if (words.length > 1) throw new InputError('qvl train', `${words.length} files`, 'give one file of conversations');
  const [file] = words;
  const { resume } = options;
  const start = resume === undefined ? await newRun(file, options) : await resumedRun(file, options, resume);
  const { folder, texts, settings, data, from, base } = start;
  const { device, note } = await openDeviceFor(options);
  const interrupt = watchInterrupts();
  const where = relative('', folder) || '.';
  const over = base === undefined || options.model === undefined ? '' : ` --model ${base}`;
  const again = `qvl train ${file === undefined ? '' : `${file} `}--resume ${join(where, STATE)}${over}`;
  let saved = from !== undefined;
  try {
    say(`${bold('device')}  · ${device.description}${note ? dim(` (${note})`) : ''}`);
    const model = start.model(device);
    await writeTexts(folder, texts, 'choose another folder with --out');
    const report = await reportTraining(device, threadsOf(options), settings);
    const { finished } = await train(model, settings, data, {
      ...{ from, signal: interrupt.signal, onStep: report.step },
      evaluate: start.evaluate,
      save: async (state) => {
        await saveState(join(folder, STATE), state);
        saved = true;
        await writeCurves(folder, settings, state.history);
      },
    });
    report.stop();
    if (finished) {
      await writeTrained(start, model);
      const asked = base === undefined ? `--model ${where}` : `--model ${base} --adapter ${where}`;
      say(`trained: qvl ask PICTURE "QUESTION" ${asked}`);
    } else {
      say(`saved: ${again} goes on`);
      process.exitCode = INTERRUPTED;
    }
    freeModel(model);
  } catch (error) {
    if (saved) say(`  from what is saved ${again} goes on`);
    throw error;
  } finally {
    interrupt.end();
    await start.close();
    await closeDevice(device);
  }
}

/** The run so far, to look at and for other programs. */
async function writeCurves(folder: string, settings: RunSettings, history: readonly StepRecord[]): Promise<void> {
  const made = await madeHere();
  const remedy = `free some space: ${STATE} has what was learned`;
  await writeWhole(join(folder, 'curves.html'), curvesPage(made, settings, history), { remedy });
  await writeWhole(join(folder, 'curves.json'), curvesJson(made, settings, history), { remedy });
}

/** The factors of an adapter, or a model in the type that the configuration names: what is read again is what was trained, or rounded from it. */
async function writeTrained({ folder, texts, settings, base }: Start, model: Model): Promise<void> {
  const remedy = `free some space: ${STATE} has what was learned`;
  if (settings.lora && base !== undefined) return writeFactors(folder, model, { ...settings.lora, base }, remedy);
  const json = parseJson(texts.get('config.json')!, 'config.json');
  const dtype = isObject(json) && json.torch_dtype === 'bfloat16' ? 'bfloat16' : 'float32';
  const load = async (name: string) => Float32Array.from(await read(model.weights[name]));
  await writeWeights(folder, model.config, dtype, load, remedy);
  const parameters = Object.values(model.weights).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  say(dim(`  ${thousands(parameters)} parameters, ${dtype}`));
}

/** Ctrl-C, or what else ends a process: the first lets the step be made, and what was learned be saved; a second one leaves at once. */
function watchInterrupts() {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    say(dim('  after this step it is saved; a second time leaves without'));
  };
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal); // everywhere else it ends the process at once
    process.on(signal, interrupt);
  }
  return {
    signal: controller.signal,
    end() {
      for (const signal of SIGNALS) process.off(signal, interrupt);
    },
  };
}
