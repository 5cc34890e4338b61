import type { Config } from '../architecture/config.ts';
import { RANGE } from './initial.ts';
import { normals, uniforms } from './noise.ts';

/** What makes tokens in the place of a picture as vague as the rows of an adapter: a decoder that reads through it can read those. */
export interface Haze {
  /** Added to the tokens' embeddings, `[pictures · Q, C]`. */
  readonly noise: Float32Array;
  /** How many times as long they are then, `[pictures · Q]`. */
  readonly lengths: Float32Array;
}

/** The most noise, in lengths that embeddings begin with: of three, a cosine of 0.3 is left to the embedding. */
const MOST_NOISE = 3;
/** The shortest and the longest row, in lengths of an embedding. */
const LENGTHS = [0.5, 8] as const;

/** A haze over pictures, of each another strength and length: the same for the same key. */
export function hazeOver(
  key: string,
  pictures: number,
  { visual: { n_queries: Q }, hidden_size: C }: Pick<Config, 'visual' | 'hidden_size'>,
): Haze {
  const strengths = uniforms(`${key} strength`, pictures);
  const sizes = uniforms(`${key} length`, pictures);
  const [least, most] = LENGTHS.map(Math.log);
  const lengthOf = (picture: number) => Math.exp(least + (most - least) * sizes[picture]);
  return {
    noise: Float32Array.from(
      normals(key, pictures * Q * C).map((value, i) => value * RANGE * MOST_NOISE * strengths[Math.floor(i / (Q * C))]),
    ),
    lengths: Float32Array.from({ length: pictures * Q }, (_, i) => lengthOf(Math.floor(i / Q))),
  };
}
