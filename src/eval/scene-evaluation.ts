import { PUBLISHED_GENERATION } from '../checkpoint/generation.ts';
import type { World } from '../data/index.ts';
import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { Model } from '../model/qwen-vl.ts';
import type { Phase } from '../train/recipes.ts';
import { evaluate } from './evaluate.ts';
import { MEASURES } from './measures.ts';
import { type AskedStage, EVALUATION_SEEDS, sceneItems } from './scene-items.ts';
import { rowsOf } from './table.ts';

/** Enough to see a curve rise; to judge a model there is `qvl eval`. */
const SCENES = 60;

/** The format that a phase is asked in. The encoder and the decoder of stage 0 have no question to answer yet. */
const ASKED: Readonly<Partial<Record<Phase, AskedStage>>> = { 'stage-1': 2, 'stage-2': 2, 'stage-3': 3 };

/**
 * Asks a model under training about scenes that it does not learn from.
 *
 * @returns of a model and a phase, the mean of each measure by task, in all languages
 */
export function sceneEvaluation(world: World, tokenizer: Tokenizer) {
  return async (model: Model, phase: Phase): Promise<Readonly<Record<string, number>> | undefined> => {
    const stage = ASKED[phase];
    if (!stage) return undefined;
    const side = model.config.visual.image_size;
    const items = sceneItems(world, { stage, seed: EVALUATION_SEEDS, side, scenes: SCENES });
    // In stage 1 captions are all that it learns.
    const asked = phase === 'stage-1' ? items.filter(({ task }) => task === 'caption') : items;
    const judged = await evaluate(
      { model, tokenizer, checkpoint: { config: model.config, generation: PUBLISHED_GENERATION } },
      asked,
    );
    const languages = new Map<string, Set<string>>();
    for (const { task, language } of judged) languages.set(task, (languages.get(task) ?? new Set()).add(language));
    const rows = rowsOf(judged).filter(({ task, language }) => language === 'all' || languages.get(task)!.size === 1);
    return Object.fromEntries(rows.map(({ task, measure, mean }) => [`${task}, ${MEASURES[measure].title}`, mean]));
  };
}
