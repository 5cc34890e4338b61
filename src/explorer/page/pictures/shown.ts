import type { PagedPicture } from '../../engine/ask.ts';

/** How names of pictures begin that are no samples': somebody's own, with its hash; a board, with what is on it. */
export const [OWN, BOARD] = ['own_', 'board_'];

/** A picture in the page: what the engine gets, and what is seen. Its key is its name in the address. */
export interface ShownPicture extends PagedPicture {
  /** For an `img`: in the form of the picture, which the model sees as a square. */
  readonly address: string;
}
