import type { Random } from '../random.ts';
import { composePage, composeScene, type Recipe } from './compose.ts';
import type { Scene } from './scene.ts';
import { loadSprites, STYLES, type Style } from './sprites.ts';
import type { Language } from './words.ts';

/** Where scenes come from. */
export interface World {
  /** @param items the fewest and the most things */
  scene(random: Random, items: readonly [number, number]): Scene;
  /** Lines of text over a picture. */
  page(random: Random, language: Language): Scene;
}

export interface WorldOptions {
  /** The drawing sets; by default those that are trained on. */
  readonly styles?: readonly Style[];
  /** The shares of what a scene shows. */
  readonly kinds?: Recipe['kinds'];
}

/**
 * The world of the small checkpoint: a picture book.
 *
 * @throws InputError where the package that draws SVG is not installed
 */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const sprites = await loadSprites();
  const { styles = STYLES, kinds = { thing: 0.64, shape: 0.14, number: 0.13, word: 0.09 } } = options;
  return {
    scene: (random, items) => composeScene(random, sprites, { items, kinds, styles, again: 0.2 }),
    page: (random, language) => composePage(random, sprites, styles, language),
  };
}
