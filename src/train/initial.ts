import { ADAPTER_HEAD_SIZE, type Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { sineCosinePositions } from '../checkpoint/positions.ts';
import { normals, uniforms } from './noise.ts';

const VISUAL = 'transformer.visual.';
/** `initializer_range` of the published config: the deviation of embeddings, too. */
export const RANGE = 0.02;
/** Where the original cuts the normal distribution of the queries: absolute, a hundred deviations away. */
const CUT = 2;

/**
 * Random weights as the original makes them before any checkpoint (golden/train/README.md, item 9): linear layers and embeddings normal
 * with deviation 0.02, what ends a branch 0.02 / √(2 · layers), biases 0, norms 1 and 0.
 *
 * Exceptions are what the original never trained from nothing: the vision blocks and their positions, see `OWN_VISION`, and the adapter, see
 * `alignedProjections`.
 *
 * @returns what `loadModel` takes: a pure function of seed, name and shape
 */
export function initialWeights(config: Config, seed: number): (name: string) => Float32Array {
  const shapes = weightShapes(config);
  const ends = RANGE / Math.sqrt(2 * config.num_hidden_layers);
  const visionEnds = 1 / Math.sqrt(2 * config.visual.layers);
  return (name) => {
    const shape = shapes.get(name)!;
    const count = shape.reduce((a, b) => a * b, 1);
    const key = `${seed} ${name}`;
    const normal = (deviation: number) => Float32Array.from(normals(key, count).map((value) => value * deviation));
    const uniform = (most: number) => Float32Array.from(uniforms(key, count).map((value) => (2 * value - 1) * most));
    switch (name) {
      case `${VISUAL}conv1.weight`: // PyTorch's default for a convolution
        return uniform(1 / Math.sqrt(count / shape[0]));
      case `${VISUAL}positional_embedding`:
        return normal(OWN_VISION.positions);
      case `${VISUAL}attn_pool.query`:
        return normal(RANGE).map((value) => Math.max(-CUT, Math.min(CUT, value)));
      case `${VISUAL}attn_pool.pos_embed`:
        return sineCosinePositions(Math.sqrt(shape[0]), shape[1]);
      case `${VISUAL}attn_pool.attn.in_proj_weight`:
        return alignedProjections(shape[1], seed);
      case `${VISUAL}attn_pool.kv_proj.weight`:
      case `${VISUAL}attn_pool.attn.out_proj.weight`:
      case `${VISUAL}proj`:
        return rotation(shape[0], shape[1], key);
      case `${VISUAL}attn_pool.ln_q.weight`:
        return new Float32Array(count).fill(ALIGNED.queries);
      case `${VISUAL}attn_pool.ln_kv.weight`:
        return new Float32Array(count).fill(ALIGNED.keys);
      case `${VISUAL}ln_post.weight`: // whose `proj` keeps sizes: rows are as large as the embeddings beside them, not fifty times as large
        return new Float32Array(count).fill(RANGE);
    }
    if (/bias$/.test(name)) return new Float32Array(count);
    if (/(^|\.)ln_\w+\.weight$/.test(name)) return new Float32Array(count).fill(1);
    const isEnd = /(c_proj|out_proj)\.weight$/.test(name);
    if (OWN_VISION.blocks.test(name)) return normal((isEnd ? visionEnds : 1) / Math.sqrt(shape[1]));
    return normal(/c_proj\.weight$/.test(name) ? ends : RANGE);
  };
}

/**
 * How the vision blocks start: normal with deviation 1 / √(inputs), what ends a branch 1 / √(2 · layers) of it, so that each block changes what
 * passes it; and positions as large as patches are, so that a patch tells its neighbours apart. As the original makes them (deviation 0.02;
 * positions 1 / √width, an eighth of a patch; and, a quirk, `mlp.c_proj` made smaller by the number of the *decoder's* layers) the loss after
 * 1,000 steps of 16 pictures was 4.85; from these it is 4.43.
 */
const OWN_VISION = { blocks: /^transformer\.visual\.transformer\.resblocks\./, positions: 0.5 };

/**
 * How the adapter starts. As the original makes it, scores of queries and keys are next to equal, every query sees the mean of all
 * patches, and on a small set it takes very long until one looks somewhere. Here positions decide from the start: query i attends to the
 * patches of its own cell.
 */
const ALIGNED = {
  /** Frequencies of each axis that queries and keys are made of, the fastest: slower ones hardly tell neighbours apart. */
  frequencies: 5,
  /** What both are multiplied by: at a width of 256 a patch of the next cell then has e⁻⁸ of the weight. */
  scale: 8.2,
  /** The gains of `ln_q` and `ln_kv`: what queries and patches hold disturbs their positions little. */
  queries: 0.1,
  keys: 0.2,
  /** Values make up for the gain of `ln_kv`. */
  values: 5,
};

/**
 * Queries and keys as one rotation, shared by both and by no two heads, of the fastest sines and cosines of each axis; values as another
 * of all that there is.
 *
 * @returns `[3·C, C]`
 */
function alignedProjections(C: number, seed: number): Float32Array {
  const result = new Float32Array(3 * C * C);
  result.set(
    rotation(C, C, `${seed} values`).map((value) => value * ALIGNED.values),
    2 * C * C,
  );
  const used = fastest(C);
  for (let head = 0; head < C / ADAPTER_HEAD_SIZE; head++) {
    const rotation = orthonormal(used.length, ADAPTER_HEAD_SIZE, `${seed} rotation of head ${head}`);
    for (const [i, column] of used.entries()) {
      for (let d = 0; d < ADAPTER_HEAD_SIZE; d++) {
        const value = ALIGNED.scale * rotation[i][d];
        const row = head * ADAPTER_HEAD_SIZE + d;
        result[row * C + column] = value;
        result[(C + row) * C + column] = value;
      }
    }
  }
  return result;
}

/**
 * A matrix `[rows, columns]` that keeps lengths and angles, as far as it has room for them. Four matrices stand between a patch and its row, and
 * of small random ones a few directions outgrow all others: after 1,800 steps sixty things lay in twenty dimensions.
 */
function rotation(rows: number, columns: number, key: string): Float32Array {
  const [fewer, more] = [Math.min(rows, columns), Math.max(rows, columns)];
  const result = new Float32Array(rows * columns);
  for (const [i, vector] of orthonormal(fewer, more, key).entries()) {
    for (const [k, value] of vector.entries()) result[rows < columns ? i * columns + k : k * columns + i] = value;
  }
  return result;
}

/** Where a position's vector has its fastest sines and cosines: C/4 sines then as many cosines, of the column, then of the row. */
function fastest(C: number): number[] {
  const quarter = C / 4;
  const each = Array.from({ length: Math.min(ALIGNED.frequencies, quarter) }, (_, k) => k);
  return [0, 1, 2, 3].flatMap((part) => each.map((k) => part * quarter + k));
}

/** Random vectors of length 1 at right angles to each other (Gram and Schmidt). */
function orthonormal(count: number, size: number, key: string): Float64Array[] {
  const all = normals(key, count * size);
  const found: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = Float64Array.from(all.subarray(i * size, (i + 1) * size));
    for (const other of found) {
      const along = vector.reduce((sum, value, d) => sum + value * other[d], 0);
      for (let d = 0; d < size; d++) vector[d] -= along * other[d];
    }
    const length = Math.hypot(...vector);
    found.push(vector.map((value) => value / length));
  }
  return found;
}
