import { createHash } from 'node:crypto';
import { openFile } from '../checkpoint/file-source.ts';
import { elementsOf, openSafetensors, safetensorsHead } from '../checkpoint/safetensors.ts';
import type { HostTensor } from '../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../error.ts';
import { parseJson } from '../fields.ts';
import { line, list, number, object, optional, recordOf, whole } from '../verify/decoder.ts';
import { writeWhole } from '../write-file.ts';
import { MOST_TASKS, type RunSettings, settings } from './settings.ts';

/** All that a run needs to go on as if it had never stopped. Data and noise follow from seed and step. */
export interface TrainingState {
  readonly settings: RunSettings;
  /** Which of the stage's phases, from 0. */
  readonly phase: number;
  /** How many of its steps are done. */
  readonly step: number;
  /** `weight.NAME`, and of what is trained the moments `m.NAME`, `v.NAME`; float32, by the shapes on the device. */
  readonly tensors: ReadonlyMap<string, StateTensor>;
  readonly history: readonly StepRecord[];
}

export interface StateTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a step was like. */
export interface StepRecord {
  readonly phase: string;
  /** In its phase, from 1. */
  readonly step: number;
  readonly loss: number;
  readonly rate: number;
  /** Of all gradients, before clipping. */
  readonly norm: number;
  /** The mean loss of the supervised tokens of each task. */
  readonly tasks: Readonly<Record<string, number>>;
  readonly tokens: number;
  readonly pictures: number;
  readonly milliseconds: number;
  /** What the model was good for after it, where that was asked: a measure's mean by its name. */
  readonly evaluation?: Readonly<Record<string, number>>;
}

const MOST_STEPS = 10_000_000;
const LARGEST_HISTORY = 2 ** 30;

const stepRecord = object({
  ...{ phase: line(40), step: whole(1, MOST_STEPS), loss: number, rate: number, norm: number },
  ...{
    tasks: recordOf(number, MOST_TASKS),
    tokens: whole(0, 2 ** 31),
    pictures: whole(0, 2 ** 31),
    milliseconds: number,
    evaluation: optional(recordOf(number, MOST_TASKS)),
  },
});
const saved = object({ settings, phase: whole(0, 2), step: whole(0, MOST_STEPS) });
const records = list(stepRecord, MOST_STEPS);

/** The tensor that holds the history, as JSON: a header has a largest size, and a long run more steps. */
const HISTORY = 'history';
const AGAIN = 'begin the run again, in another folder';

/** Writes a state, whole: the one before is there until then. @throws InputError */
export async function saveState(path: string, state: TrainingState): Promise<void> {
  const history = new TextEncoder().encode(JSON.stringify(state.history));
  const tensors: [string, HostTensor][] = [...state.tensors].map(([name, { shape, data }]) => [
    name,
    { dtype: 'float32', shape, data },
  ]);
  tensors.push([HISTORY, { dtype: 'uint8', shape: [history.length], data: history }]);
  const { settings, phase, step } = state;
  const text = JSON.stringify({ settings, phase, step });
  const sha256 = createHash('sha256').update(text);
  for (const [name, tensor] of tensors) sha256.update(elementsOf(name, tensor));
  const { head } = safetensorsHead(tensors, { state: text, sha256: sha256.digest('hex') });
  async function* parts() {
    yield head;
    for (const [name, tensor] of tensors) yield elementsOf(name, tensor);
  }
  await writeWhole(path, parts(), {
    remedy: `free some space: after step ${step} nothing is saved, what was saved before is there`,
  });
}

/**
 * Reads a state. Whether its tensors are those of the model is for the run to say.
 *
 * @throws CheckpointError when it is none, or damaged
 */
export async function loadState(path: string): Promise<TrainingState> {
  const file = await openFile(path);
  try {
    const { tensors: stored, metadata } = await openSafetensors(file);
    const text = metadata.get('state');
    if (text === undefined) throw new CheckpointError(path, 'it is no state of a training run', AGAIN);
    const state = saved(parseJson(text, `${path}, state`, AGAIN), `${path}, state`);
    const sha256 = createHash('sha256').update(text);
    const tensors = new Map<string, StateTensor>();
    let history: readonly StepRecord[] = [];
    for (const [name, tensor] of stored) {
      const kind = name === HISTORY ? 'uint8' : 'float32';
      if (tensor.dtype !== kind) throw new CheckpointError(path, `${name} is ${tensor.type}, expected ${kind}`, AGAIN);
      if (name === HISTORY && tensor.bytes > LARGEST_HISTORY)
        throw new CheckpointError(path, 'its history is too long', AGAIN);
      const bytes = await tensor.read();
      sha256.update(bytes);
      if (name === HISTORY) history = records(parseJson(bytes, `${path}, history`, AGAIN), `${path}, history`);
      else tensors.set(name, { shape: tensor.shape, data: new Float32Array(bytes.buffer) });
    }
    if (sha256.digest('hex') !== metadata.get('sha256')) {
      throw new CheckpointError(path, 'its bytes are not those that were written', AGAIN);
    }
    return { ...state, tensors, history };
  } finally {
    await file.close();
  }
}
