import { createHash } from 'node:crypto';
import type { Config } from '../architecture/config.ts';
import { readSmallFile } from '../checkpoint/file-source.ts';
import type { FolderTexts } from '../checkpoint/write-folder.ts';
import { openWorld } from '../data/index.ts';
import { InputError } from '../error.ts';
import { sceneEvaluation } from '../eval/scene-evaluation.ts';
import { createTokenizer } from '../input/text/tokenizer.ts';
import { conversationFile } from '../train/conversation-file.ts';
import type { TrainingData } from '../train/lessons.ts';
import type { Phase } from '../train/recipes.ts';
import type { RunOptions } from '../train/run.ts';
import { sceneData } from '../train/scene-data.ts';
import type { RunSettings } from '../train/settings.ts';
import { mixtureOf } from './shares.ts';

/**
 * What a run learns from: the user's file, or made scenes, which are also asked about.
 *
 * @throws InputError
 */
export async function dataFor(
  file: string | undefined,
  texts: FolderTexts,
  config: Config,
  { seed, shares, phase }: Pick<RunSettings, 'seed' | 'shares'> & { phase: Phase },
): Promise<{ data: TrainingData; evaluate?: RunOptions['evaluate']; size?: number }> {
  const tokenizer = createTokenizer(texts.get('qwen.tiktoken')!, 'qwen.tiktoken', config.visual.n_queries);
  if (tokenizer.special.imageStart !== config.visual.image_start_id) {
    const found = `<img> has the id ${tokenizer.special.imageStart}, config.json says ${config.visual.image_start_id}`;
    throw new InputError('qwen.tiktoken', found, 'use the vocabulary that belongs to the checkpoint');
  }
  if (file === undefined) {
    const world = await openWorld();
    const mixture = shares && mixtureOf(phase, shares);
    return { data: sceneData(world, tokenizer, config, seed, mixture), evaluate: sceneEvaluation(world, tokenizer) };
  }
  if (shares) throw new InputError('--shares', 'conversations are learned as they come', 'leave it out');
  if (phase === 'encoder') throw new InputError(file, 'stage 0 learns from made scenes alone', 'leave it out');
  return conversationFile(file, tokenizer, config.max_position_embeddings, seed);
}

/** A SHA-256 of a user's file, by which a run that goes on knows it. */
export async function fingerprint(file: string): Promise<string> {
  const hash = createHash('sha256').update(await readSmallFile(file, 2 ** 28));
  return hash.digest('hex');
}
