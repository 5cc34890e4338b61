import { relative } from 'node:path';
import { closeDevice, finished } from '../../tensor/device.ts';
import { parameterCount } from '../checkpoint/checkpoint.ts';
import { InputError } from '../error.ts';
import { type AnswerOptions, answer } from '../generate/answer.ts';
import { openSystem } from '../generate/open-system.ts';
import type { System } from '../generate/system.ts';
import type { Picture } from '../input/picture/picture.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { checkBoxesFile, drawBoxes } from './boxes.ts';
import { memoryBytes, type Options, openDeviceFor } from './options.ts';
import { type PartReport, reportParts } from './part-report.ts';
import { picturesFor } from './pictures.ts';
import { answerOptions } from './sampling.ts';
import { bold, dim, peakMemory, printAnswer, say, thousands } from './terminal.ts';

/** `qvl ask PICTURE… "QUESTION"` */
export async function runAsk(words: string[], options: Options): Promise<void> {
  const [question, ...paths] = [...words].reverse();
  if (question === undefined || paths.length === 0) {
    throw new InputError('qvl ask', 'a picture and a question are needed', 'as in: qvl ask cat.jpg "What is in it?"');
  }
  checkBoxesFile(options);
  answerOptions(options);
  const pictures = await picturesFor(paths.reverse(), options); // bad input is known before any work starts
  const opened = await openSystemFor(options);
  try {
    await ask(opened, paths, pictures, question, options);
  } finally {
    await opened.close();
  }
}

/** A model on a device, with the lines that report its work. */
export interface OpenedSystem {
  readonly system: System;
  readonly report: PartReport;
  close(): Promise<void>;
}

const STREAMED = {
  decoder:
    'the weights do not all fit the memory: the decoder stays there, and what sees pictures is read when it runs',
  none: 'the weights do not fit the memory: every block reads its own whenever it runs',
};

/** Opens the device and the checkpoint, and says which. */
export async function openSystemFor(options: Options): Promise<OpenedSystem> {
  const folder = options.model ?? SHIPPED_MODEL;
  const { device, note } = await openDeviceFor(options, folder);
  try {
    const report = reportParts(device);
    report.enter('load weights', { computes: false });
    const system = await openSystem(folder, device, {
      memory: memoryBytes(options),
      resident: options.resident,
      adapter: options.adapter,
    });
    say(
      `${bold('Qwen-VL')} · ${relative('', folder) || '.'} · ${thousands(parameterCount(system.checkpoint))} parameters`,
    );
    say(`${bold('device')}  · ${device.description}${note ? dim(` (${note})`) : ''}`);
    for (const note of system.checkpoint.notes) say(dim(note));
    if (system.resident !== 'all') say(dim(STREAMED[system.resident]));
    await finished(device);
    report.end();
    return {
      system,
      report,
      async close() {
        report.stop();
        await system.close();
        await closeDevice(device);
      },
    };
  } catch (error) {
    await closeDevice(device);
    throw error;
  }
}

/** Asks one question; the answer goes to standard output as it comes, its boxes onto a copy of the picture. */
export async function ask(
  { system, report }: OpenedSystem,
  paths: readonly string[],
  pictures: readonly Picture[],
  question: string,
  options: Options,
): Promise<string> {
  const chosen: AnswerOptions = {
    ...answerOptions(options),
    onPart: (name) => report.enter(name, { live: name !== 'decode' }),
  };
  // The name between the image tags has no effect, the image's rows replace it; a long path would not even fit.
  const content = [...pictures.map(() => ({ image: '' })), { text: question }];
  let text = '';
  let tokens = 0;
  for await (const piece of answer(system, { content, pictures }, chosen)) {
    text += piece.text;
    if (piece.id !== undefined) tokens++;
    printAnswer(piece.text);
  }
  printAnswer('\n');
  report.end((seconds) => ` · ${tokens} tokens, ${(tokens / seconds).toFixed(1)} a second · peak ${peakMemory()}`);
  await drawBoxes(text, paths, options);
  return text;
}
