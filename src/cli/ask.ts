import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { closeDevice } from '../../tensor/device.ts';
import { InputError } from '../error.ts';
import { type AnswerOptions, answer } from '../generate/answer.ts';
import { openSystem, type System } from '../generate/system.ts';
import { boxCorners, drawOutlines, encodePng } from '../input/draw.ts';
import { parseGrounding, shapeToPixels } from '../input/grounding.ts';
import type { Picture } from '../input/image.ts';
import { readPicture } from '../input/read-picture.ts';
import { type Options, openDeviceFor, SHIPPED_MODEL } from './options.ts';
import { answerOptions } from './sampling.ts';
import { bold, dim, reportStages, type StageReport, say, thousands } from './terminal.ts';

/** `qvl ask PICTURE… "QUESTION"` */
export async function runAsk(words: string[], options: Options): Promise<void> {
  const [question, ...paths] = [...words].reverse();
  if (question === undefined || paths.length === 0) {
    throw new InputError('qvl ask', 'a picture and a question are needed', 'as in: qvl ask cat.jpg "What is in it?"');
  }
  const pictures = await Promise.all(paths.reverse().map(readPicture)); // bad input is known before any work starts
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
  readonly report: StageReport;
  close(): Promise<void>;
}

/** Opens the device and the checkpoint, and says which. */
export async function openSystemFor(options: Options): Promise<OpenedSystem> {
  const folder = options.model ?? SHIPPED_MODEL;
  const { device, note } = await openDeviceFor(options);
  try {
    const report = reportStages(device);
    report.enter('load weights');
    const system = await openSystem(folder, device);
    const parameters = [...system.checkpoint.tensors.values()].reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    say(`${bold('Qwen-VL')} · ${relative('', folder) || '.'} · ${thousands(parameters)} parameters`);
    say(`${bold('device')}  · ${device.description}${note ? dim(` (${note})`) : ''}`);
    await device.queue.idle();
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
    onStage: (name) => report.enter(name, name !== 'decode'),
  };
  // The name between the image tags has no effect, the image's rows replace it; a long path would not even fit.
  const content = [...pictures.map(() => ({ image: '' })), { text: question }];
  let text = '';
  let tokens = 0;
  for await (const piece of answer(system, { content, pictures }, chosen)) {
    text += piece.text;
    if (piece.id !== undefined) tokens++;
    process.stdout.write(piece.text);
  }
  process.stdout.write('\n');
  report.end((seconds) => ` · ${tokens} tokens, ${(tokens / seconds).toFixed(1)} a second`);
  if (pictures.length === 1) await drawBoxes(text, paths[0], pictures[0], options);
  return text;
}

/** Draws the regions that an answer names on a copy of the picture, and says where it is. @returns whether it names one */
export async function drawBoxes(text: string, path: string, picture: Picture, options: Options): Promise<boolean> {
  const { regions, problems } = parseGrounding(text);
  for (const { message } of problems) say(dim(`  in the answer: ${message}`));
  const outlines = regions.flatMap(({ shapes }, colour) =>
    shapes.map((shape) => {
      const corners = shapeToPixels(shape, picture.width, picture.height);
      return { colour, corners: corners.length === 2 ? boxCorners(...corners[0], ...corners[1]) : [...corners] };
    }),
  );
  if (outlines.length === 0) return false;
  const file = options.boxes ?? join('out', `${basename(path, extname(path))}-boxes.png`);
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, encodePng(drawOutlines(picture, outlines)));
  } catch (cause) {
    const found = `cannot be written (${(cause as NodeJS.ErrnoException).code})`;
    throw new InputError(file, found, 'choose another file with --boxes', { cause });
  }
  say(`  ${outlines.length === 1 ? 'box' : `${outlines.length} boxes`} drawn: ${file}`);
  return true;
}
