import type { Config } from '../../architecture/config.ts';
import { CheckpointError } from '../../error.ts';
import { quote } from '../../quote.ts';
import { supervised } from '../../train/loss.ts';
import { placeInGolden } from '../layout.ts';
import type { Padded } from './padded-batch.ts';

/** Where the elements of one of our gradients stand in the original's, which has padding and axes of its own. */
export interface Places {
  /** How many elements ours has. */
  readonly length: number;
  /** An element's place in the original's tensor, −1 where it has none. */
  of(at: number): number;
}

/** The shape of an activation of which only samples are kept, and not the shape. */
export function activationShape(
  name: string,
  { batch, width }: Padded,
  { visual, hidden_size, vocab_size }: Config,
): number[] {
  const images = Math.max(1, batch.images); // a batch without any has run one of zeros
  const grid = visual.image_size / visual.patch_size;
  if (name === 'logits') return [batch.sequences.length, width, vocab_size];
  if (!name.startsWith('transformer.visual')) return [batch.sequences.length, width, hidden_size];
  if (name === 'transformer.visual.conv1') return [images, visual.width, grid, grid];
  if (name === 'transformer.visual.ln_pre') return [images, grid * grid, visual.width];
  return [grid * grid, images, visual.width]; // what is smaller is kept whole
}

/**
 * The places of an activation.
 *
 * @throws CheckpointError when the original's is smaller than ours: a file may say anything of its size
 */
export function placesOf(name: string, shape: readonly number[], { batch, width, rows }: Padded): Places {
  const columns = shape.at(-1)!;
  const count = shape.reduce((a, b) => a * b, 1);
  const within = (places: Places): Places => {
    if (places.length <= count) return places;
    const found = `the gradient of ${quote(name)} has ${count} elements, expected at least ${places.length}`;
    throw new CheckpointError('golden', found, 'compare a golden of this model');
  };
  const wholeRows = (taken: readonly number[]) =>
    within({
      length: taken.length * columns,
      of: (at) => taken[Math.floor(at / columns)] * columns + (at % columns),
    });
  if (name === 'logits' || name === 'lm_head') {
    return wholeRows([...supervised(batch.sequences).rows].map((row) => rows[row]));
  }
  if (name.endsWith('attn.attn_dropout')) {
    const keys = Math.max(...batch.sequences.map(({ ids }) => ids.length));
    return within(probabilityPlaces(shape[1], keys, { width, rows }));
  }
  if (!name.startsWith('transformer.visual')) return wholeRows(rows);
  return { length: count, of: placeInGolden(name, shape) };
}

/**
 * Ours are `[H·N, C]`, of each row the keys from its sequence's first on. Quirk: the original's gradient of a probability that the mask has
 * made 0 is not 0, though nothing comes of it; here there is none.
 */
function probabilityPlaces(heads: number, columns: number, { width, rows }: Omit<Padded, 'batch'>): Places {
  return {
    length: heads * rows.length * columns,
    of(at) {
      const key = at % columns;
      const item = Math.floor(at / columns);
      const [head, row] = [Math.floor(item / rows.length), rows[item % rows.length]];
      const [sequence, token] = [Math.floor(row / width), row % width];
      return key > token ? -1 : ((sequence * heads + head) * width + token) * width + key;
    },
  };
}
