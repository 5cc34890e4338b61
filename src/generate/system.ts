import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from '../../tensor/device.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint/folder.ts';
import { fitsMemory } from '../checkpoint/memory.ts';
import { CheckpointError } from '../error.ts';
import { createTokenizer, type Tokenizer } from '../input/tokenizer.ts';
import { freeModel, loadModel, type Model } from '../model/qwen-vl.ts';

/** A checkpoint that is ready to answer: its model on a device and its tokenizer. */
export interface System {
  readonly checkpoint: Checkpoint;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** Its weights do not fit the memory: every block reads its own from the files whenever it runs. */
  readonly streamed: boolean;
  close(): Promise<void>;
}

/**
 * Opens a model folder as the original is published, weights and `qwen.tiktoken`. The weights are read when the device
 * gets to them; the device stays the caller's.
 *
 * @param memory how many bytes the weights may take; a model that needs more is streamed
 * @throws CheckpointError, TextError
 */
export async function openSystem(folder: string, device: Device, memory?: number): Promise<System> {
  const checkpoint = await openCheckpoint(folder);
  try {
    const vocabulary = join(folder, 'qwen.tiktoken');
    const text = await readFile(vocabulary, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new CheckpointError(vocabulary, `cannot be read (${cause.code})`, 'put the tokenizer file there', {
        cause,
      });
    });
    const { config } = checkpoint;
    const tokenizer = createTokenizer(text, vocabulary, config.visual.n_queries);
    if (tokenizer.special.imageStart !== config.visual.image_start_id) {
      throw new CheckpointError(
        vocabulary,
        `<img> has the id ${tokenizer.special.imageStart}, config.json says ${config.visual.image_start_id}`,
        'use the vocabulary that belongs to the checkpoint',
      );
    }
    const streamed = !fitsMemory(checkpoint, device.driver, memory);
    const model = loadModel(device, config, (name) => checkpoint.load(name, device.driver.bfloat16), { streamed });
    return {
      checkpoint,
      model,
      tokenizer,
      streamed,
      async close() {
        if (!device.closed) freeModel(model);
        await checkpoint.close();
      },
    };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}
