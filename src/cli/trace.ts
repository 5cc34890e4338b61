import { closeDevice, type Device } from '../../tensor/device.ts';
import { InputError } from '../error.ts';
import { modelOn } from '../generate/model-on.ts';
import { openSystem } from '../generate/open-system.ts';
import { pixelsOf } from '../input/picture/resize.ts';
import { freeModel } from '../model/qwen-vl.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { findGoldens } from '../verify/open.ts';
import { recordTrace, type Trace } from '../verify/trace.ts';
import { save } from './files.ts';
import { memoryBytes, type Options, openDeviceFor } from './options.ts';
import { picturesFor } from './pictures.ts';
import { promptFor } from './question.ts';
import { dim, say, thousands } from './terminal.ts';

/** `qvl trace PICTURE… "QUESTION" -o FILE`, or `qvl trace GOLDEN -o FILE`: writes a pass's activations. */
export async function runTrace(words: string[], options: Options): Promise<void> {
  const { output } = options;
  if (words.length === 0 || output === undefined) {
    const remedy = 'as in: qvl trace cat.jpg "What is in it?" -o cat.safetensors';
    throw new InputError('qvl trace', 'a picture and a question, or a golden, and -o FILE are needed', remedy);
  }
  const { device } = await openDeviceFor(options, words.length > 1 ? (options.model ?? SHIPPED_MODEL) : undefined);
  try {
    await (words.length === 1 ? traceGolden : traceQuestion)(words, device, options, async (trace) => {
      await save(output, trace.parts, '-o');
      say(dim(`  ${output}: ${thousands(trace.bytes, 'B')} · ${device.description}`));
    });
  } finally {
    await closeDevice(device);
  }
}

/** Runs a pass; what it records is written before the model goes. */
type Tracing = (
  words: string[],
  device: Device,
  options: Options,
  write: (trace: Trace) => Promise<void>,
) => Promise<void>;

const traceGolden: Tracing = async ([path], device, options, write) => {
  const [found, ...others] = await findGoldens(path, options.model, options.adapter);
  if (others.length > 0) {
    const names = [found, ...others].map(({ name }) => name).join(', ');
    throw new InputError(path, `${others.length + 1} goldens, expected one`, `name one of ${names}`);
  }
  const { golden, checkpoint, close } = await found.open();
  try {
    const model = modelOn(device, checkpoint);
    const about = { producer: 'qwen-vl-ts', device: device.name, ran: device.description, golden: golden.name };
    await write(recordTrace(model, golden, options.tap, about)).finally(() => freeModel(model));
  } finally {
    await close();
  }
};

const traceQuestion: Tracing = async (words, device, options, write) => {
  const question = words[words.length - 1];
  const pictures = await picturesFor(words.slice(0, -1), options); // bad input is known before any work starts
  const system = await openSystem(options.model ?? SHIPPED_MODEL, device, {
    memory: memoryBytes(options),
    adapter: options.adapter,
  });
  try {
    const { model } = system;
    const { ids, shown } = promptFor(system, question, pictures);
    const { image_size: size } = model.config.visual;
    const inputs = { ids, pixels: pixelsOf(shown, size), images: shown.length, size, tokens: new Int32Array(0) };
    const about = { producer: 'qwen-vl-ts', device: device.name, ran: device.description, question };
    await write(recordTrace(model, { name: 'the question', inputs }, options.tap, about));
  } finally {
    await system.close();
  }
};
