import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tinyConfig } from './tiny-run.ts';

/** Every byte is a token, and nothing else. */
const BYTES = Array.from({ length: 256 }, (_, byte) => `${Buffer.of(byte).toString('base64')} ${byte}\n`).join('');
const IMAGE_START = 256 + 214;

/** A model folder without weights: the tiny configuration with a vocabulary of bytes. */
export async function tinyFolder(folder: string, more: object = {}): Promise<string> {
  const config = await tinyConfig();
  await mkdir(folder, { recursive: true });
  const json = {
    ...config,
    ...more,
    vocab_size: 256 + 217,
    seq_length: 2048,
    visual: { ...config.visual, image_start_id: IMAGE_START },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...json, torch_dtype: 'bfloat16' }));
  await writeFile(join(folder, 'qwen.tiktoken'), BYTES);
  await writeFile(join(folder, 'generation_config.json'), '{ "max_new_tokens": 8, "eos_token_id": 256 }');
  return folder;
}
