import type { Drawn, HostData } from '../../tensor/device.ts';
import { roundToBfloat16 } from '../../tensor/dtype.ts';
import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { CheckpointError } from '../error.ts';
import { sineCosinePositions } from './positions.ts';

/**
 * Weights that need no file: every element is a hash of its index and its tensor's name, scaled so that activations keep their
 * size through all layers. Another implementation is checked at the published size by drawing the same ones, as the original
 * did for golden/full-size.
 */

/** The 32-bit FNV-1a hash of a text's UTF-8 bytes. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** 2³² divided by the golden ratio: multiples of it spread evenly. */
const GOLDEN_RATIO = 0x9e3779b1;

/**
 * Elements of a procedural tensor, row-major: `value(b)` of the signed byte `b = (fmix32(i · 0x9E3779B1 + fnv1a(name)) >>> 24) − 128`,
 * where `fmix32` is MurmurHash3's finaliser: every bit of its input changes about half of its output's.
 */
export const drawn = (name: string, count: number, value: (b: number) => number): Float32Array =>
  fill(new Float32Array(count), name, valuesOf(value));

/** Elements `scale · b`, for a device to draw. @param scale a power of two, so that all are exact in bfloat16 */
export function toDraw(name: string, count: number, scale: number, bfloat16: boolean): Drawn {
  const value = (b: number) => b * scale;
  const onHost = () =>
    bfloat16 ? fill(new Uint16Array(count), name, roundToBfloat16(valuesOf(value))) : drawn(name, count, value);
  return { length: count, seed: fnv1a(name), scale, bfloat16, onHost };
}

const valuesOf = (value: (b: number) => number) => Float32Array.from({ length: 256 }, (_, byte) => value(byte - 128));

/**
 * The hash step by step, in whole numbers of 32 bits: millions of elements are drawn. Its last step leaves the top byte as it is.
 *
 * @param table what each byte stands for
 */
function fill<Elements extends Float32Array | Uint16Array>(out: Elements, name: string, table: Elements): Elements {
  let input = fnv1a(name) | 0;
  for (let i = 0; i < out.length; i++) {
    let h = Math.imul(input ^ (input >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    out[i] = table[h >>> 24];
    input = (input + GOLDEN_RATIO) | 0;
  }
  return out;
}

/** Inputs of the full-size goldens, such as `input.pixels`: `b · 2⁻⁶`. */
export const proceduralInput = (name: string, count: number): Float32Array => drawn(name, count, (b) => b * 2 ** -6);

/** How a weight's bytes become its values. All of them are exact in bfloat16. */
export function proceduralScale(name: string, shape: readonly number[]): (b: number) => number {
  if (/(^|\.)ln_\w+\.weight$/.test(name)) return (b) => 1 + Math.floor(b / 8) * 2 ** -7;
  const exponent = exponentOf(name, shape);
  return (b) => b * 2 ** -exponent;
}

function exponentOf(name: string, shape: readonly number[]): number {
  if (/bias$/.test(name)) return 13;
  if (/(wte\.weight|query|positional_embedding)$/.test(name)) return 12;
  const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
  const fan = name === 'transformer.visual.proj' ? shape[0] : product(shape.slice(1));
  return Math.floor(Math.log2(74 * Math.sqrt(fan)) + 0.5);
}

/**
 * A checkpoint of any configuration without a file.
 *
 * @param keepBfloat16 gives matrices as the bits of bfloat16
 * @returns what `loadModel` takes: a weight's elements, row-major; a matrix is drawn on the device
 * @throws (rejects with) CheckpointError for a name that the configuration does not have
 */
export function proceduralCheckpoint(
  config: Config,
  keepBfloat16 = false,
): (name: string) => Promise<HostData | Drawn> {
  const shapes = new Map(weightShapes(config));
  return async (name) => {
    const shape = shapes.get(name);
    if (!shape)
      throw new CheckpointError('procedural weights', `no weight "${name}"`, 'use a name of the configuration');
    if (name.endsWith('pos_embed')) return sineCosinePositions(Math.sqrt(shape[0]), shape[1]);
    const count = shape.reduce((a, b) => a * b, 1);
    const value = proceduralScale(name, shape);
    // A matrix's values are multiples of the value of 1.
    return shape.length === 1 ? drawn(name, count, value) : toDraw(name, count, value(1), keepBfloat16);
  };
}
