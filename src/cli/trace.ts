import { closeDevice, type Device } from '../../tensor/device.ts';
import { InputError } from '../error.ts';
import { openSystem } from '../generate/system.ts';
import { freeModel, loadModel } from '../model/qwen-vl.ts';
import { glob } from '../verify/glob.ts';
import { findGoldens } from '../verify/open.ts';
import { recordTrace } from '../verify/trace.ts';
import { save } from './files.ts';
import { memoryBytes, type Options, openDeviceFor, SHIPPED_MODEL } from './options.ts';
import { picturesFor } from './pictures.ts';
import { pixelsOf, promptFor } from './question.ts';
import { dim, say, thousands } from './terminal.ts';

/** `qvl trace PICTURE… "QUESTION" -o FILE`, or `qvl trace GOLDEN -o FILE`: writes a pass's activations. */
export async function runTrace(words: string[], options: Options): Promise<void> {
  const { output } = options;
  if (words.length === 0 || output === undefined) {
    const remedy = 'as in: qvl trace cat.jpg "What is in it?" -o cat.safetensors';
    throw new InputError('qvl trace', 'a picture and a question, or a golden, and -o FILE are needed', remedy);
  }
  const wanted = options.tap ? glob(options.tap) : () => true;
  const { device } = await openDeviceFor(options);
  try {
    const bytes = await (words.length === 1 ? traceGolden : traceQuestion)(words, device, wanted, options);
    await save(output, bytes, '-o');
    say(dim(`  ${output}: ${thousands(bytes.length, 'B')} · ${device.description}`));
  } finally {
    await closeDevice(device);
  }
}

type Trace = (
  words: string[],
  device: Device,
  wanted: (tap: string) => boolean,
  options: Options,
) => Promise<Uint8Array>;

const traceGolden: Trace = async ([path], device, wanted, options) => {
  const [found, ...others] = await findGoldens(path, options.model);
  if (others.length > 0) {
    const names = [found, ...others].map(({ name }) => name).join(', ');
    throw new InputError(path, `${others.length + 1} goldens, expected one`, `name one of ${names}`);
  }
  const { golden, checkpoint, close } = await found.open();
  try {
    const model = loadModel(device, checkpoint.config, checkpoint.load);
    const bytes = await recordTrace(model, golden, wanted, {
      producer: 'qwen-vl-ts',
      device: device.name,
      ran: device.description,
      golden: golden.name,
    });
    freeModel(model);
    return bytes;
  } finally {
    await close();
  }
};

const traceQuestion: Trace = async (words, device, wanted, options) => {
  const question = words[words.length - 1];
  const pictures = await picturesFor(words.slice(0, -1), options); // bad input is known before any work starts
  const system = await openSystem(options.model ?? SHIPPED_MODEL, device, { memory: memoryBytes(options) });
  try {
    const { model } = system;
    const { ids, shown } = promptFor(system, question, pictures);
    const { image_size: size } = model.config.visual;
    const inputs = { ids, pixels: pixelsOf(shown, size), images: shown.length, size, tokens: new Int32Array(0) };
    return await recordTrace(model, { name: 'the question', inputs }, wanted, {
      producer: 'qwen-vl-ts',
      device: device.name,
      ran: device.description,
      question,
    });
  } finally {
    await system.close();
  }
};
