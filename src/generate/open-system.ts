import { join } from 'node:path';
import type { Device } from '../../tensor/device.ts';
import { openAdapted } from '../checkpoint/lora.ts';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import { type System, type SystemOptions, systemOn } from './system.ts';

/**
 * Opens a model folder as the original is published, weights and `qwen.tiktoken`, perhaps with an adapter put on: see `systemOn`.
 *
 * @throws CheckpointError, TextError; InputError when the decoder has to fit and does not
 */
export async function openSystem(folder: string, device: Device, options: SystemOptions = {}): Promise<System> {
  const checkpoint = await openAdapted(folder, options.adapter);
  const name = join(folder, 'qwen.tiktoken');
  return systemOn(device, checkpoint, async () => ({ text: await readVocabularyFile(name), name }), options);
}
