import { closeDevice, type Device } from '../../../tensor/device.ts';
import type { Folder } from '../../checkpoint/files.ts';
import { openCheckpointIn } from '../../checkpoint/model-folder.ts';
import { vocabularyIn } from '../../checkpoint/vocabulary.ts';
import { InputError } from '../../error.ts';
import { createSight, type Sight } from '../../generate/sight.ts';
import { type System, systemOn } from '../../generate/system.ts';
import type { Picture } from '../../input/picture/picture.ts';
import { type DeviceName, openDevice } from '../../open-device.ts';
import type { GoldenInputs } from '../../verify/golden.ts';

/** A model on a device, and the last conversation with it. */
export interface Engine {
  readonly device: Device;
  /** Why `auto` took no faster device. */
  readonly note: string | undefined;
  readonly system: System;
  readonly sight: Sight;
  /** Those it was shown, by their keys in the page: from the one that was shown longest ago to the last. */
  readonly pictures: Map<string, Picture>;
  /** What the other screens look into. */
  last: Exchange | undefined;
  close(): Promise<void>;
}

/** A question and its answer, as the model saw them. */
export interface Exchange {
  /** The prompt with its pictures; `tokens` are those of the answer, the one that ended it last. */
  readonly inputs: GoldenInputs;
}

/** What was asked last. @throws InputError where nothing was */
export function lastExchange({ last }: Engine): Exchange {
  if (last) return last;
  throw new InputError('question', 'nothing was asked yet', 'ask something about a picture first');
}

export interface EngineOptions {
  readonly device: DeviceName;
  readonly threads: number;
  /** Where the model lies. */
  readonly folder: Folder;
}

/**
 * Opens a device and puts a model on it.
 *
 * @throws DeviceError, CheckpointError, TextError; nothing stays open then
 */
export async function openEngine({ device: name, threads, folder }: EngineOptions): Promise<Engine> {
  const { device, note } = await openDevice(name, threads);
  try {
    const checkpoint = await openCheckpointIn(folder);
    const system = await systemOn(device, checkpoint, () => vocabularyIn(folder));
    const sight = createSight(system.model);
    return {
      ...{ device, note, system, sight, pictures: new Map() },
      last: undefined,
      async close() {
        try {
          await closeDevice(device); // first: what is still being computed ends with its error
        } finally {
          sight.free();
          await system.close();
        }
      },
    };
  } catch (error) {
    await closeDevice(device);
    throw error;
  }
}
