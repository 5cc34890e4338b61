import type { Config } from '../architecture/config.ts';
import { InputError } from '../error.ts';
import { type Recipe, withPeak, withSteps } from '../train/recipes.ts';
import { MOST_SEQUENCES } from '../train/settings.ts';
import { type Options, wholeNumber } from './options.ts';

const MOST_STEPS = 10_000_000;
/** How often a user's conversations are learned, if nobody says how many steps. */
const ROUNDS = 3;

/**
 * What the command line says of a recipe.
 *
 * @param size how many conversations the user has
 * @throws InputError
 */
export function recipeFor(recipe: Recipe, options: Options, config: Config, size: number | undefined): Recipe {
  const batch = wholeNumber(options, 'batch', MOST_SEQUENCES) ?? recipe.batch;
  const rounds = size === undefined ? undefined : Math.ceil((ROUNDS * size) / batch);
  const steps = wholeNumber(options, 'steps', MOST_STEPS) ?? rounds;
  const rate = options.rate === undefined ? recipe.peak : Number(options.rate);
  if (!(rate > 0 && rate < 1)) {
    throw new InputError('--rate', `"${options.rate}", expected a number between 0 and 1`, 'as in: --rate 1e-4');
  }
  const pack = wholeNumber(options, 'pack', config.max_position_embeddings);
  if (pack !== undefined && (options.stage !== '2' || size !== undefined)) {
    throw new InputError('--pack', 'only the made samples of stage 2 are packed', 'leave it out');
  }
  const whole = { ...withPeak(steps === undefined ? recipe : withSteps(recipe, steps), rate), batch };
  return pack === undefined ? whole : { ...whole, pack };
}
