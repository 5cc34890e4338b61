import type { Device, Driver } from '../../tensor/device.ts';
import type { Residence } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { defaultMemory, residence, weightBytes } from '../checkpoint/memory.ts';
import { CheckpointError, InputError } from '../error.ts';
import { createTokenizer, type Tokenizer } from '../input/text/tokenizer.ts';
import { freeModel, type Model } from '../model/qwen-vl.ts';
import { modelOn } from './model-on.ts';

/** A checkpoint that is ready to answer: its model on a device and its tokenizer. */
export interface System {
  readonly checkpoint: Checkpoint;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  /** Which weights are in memory: of the others every block reads its own from the files whenever it runs. */
  readonly resident: Residence;
  close(): Promise<void>;
}

/** What an answer needs of a system: enough for a model that is still being trained. */
export type Answering = Pick<System, 'model' | 'tokenizer'> & {
  readonly checkpoint: Pick<Checkpoint, 'config' | 'generation'>;
};

export interface SystemOptions {
  /** The folder of a LoRA adapter. */
  readonly adapter?: string | undefined;
  /** In bytes; by default a share of the machine's. */
  readonly memory?: number | undefined;
  readonly resident?: boolean | undefined;
}

/** The text of a `qwen.tiktoken`, and what it is called in errors. */
export interface Vocabulary {
  readonly text: string;
  readonly name: string;
}

/**
 * Puts an opened checkpoint on a device. The weights are read when the device gets to them; the device stays the caller's, the checkpoint
 * is the system's, and closed where this fails.
 *
 * @param options.memory how many bytes the weights may take; what does not fit is streamed
 * @param options.resident the decoder has to fit
 * @throws CheckpointError, TextError; InputError when the decoder has to fit and does not
 */
export async function systemOn(
  device: Device,
  checkpoint: Checkpoint,
  readVocabulary: () => Promise<Vocabulary>,
  options: Omit<SystemOptions, 'adapter'> = {},
): Promise<System> {
  try {
    const { text, name } = await readVocabulary();
    const { config } = checkpoint;
    const tokenizer = createTokenizer(text, name, config.visual.n_queries);
    if (tokenizer.special.imageStart !== config.visual.image_start_id) {
      throw new CheckpointError(
        name,
        `<img> has the id ${tokenizer.special.imageStart}, config.json says ${config.visual.image_start_id}`,
        'use the vocabulary that belongs to the checkpoint',
      );
    }
    const resident = residenceOf(checkpoint, device.driver, options);
    const model = modelOn(device, checkpoint, resident);
    return {
      checkpoint,
      model,
      tokenizer,
      resident,
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

/** @throws InputError */
function residenceOf(
  checkpoint: Checkpoint,
  driver: Driver,
  { memory = defaultMemory(), resident }: SystemOptions,
): Residence {
  const found = residence(checkpoint, driver, memory);
  if (!resident || found !== 'none') return found;
  const needed = (weightBytes(checkpoint, driver).decoder / 1e9).toPrecision(3);
  const allowed = (memory / 1e9).toPrecision(3);
  throw new InputError(
    '--resident',
    `the decoder takes ${needed} GB on ${driver.name}, expected at most ${allowed}`,
    'give more --memory, or leave it out',
  );
}
