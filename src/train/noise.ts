import { fnv1a } from '../checkpoint/procedural.ts';

/** Random numbers by name and index, so that no other decides what one is: the same for any order in which they are asked for. */

/** 2³² divided by the golden ratio: multiples of it spread evenly. */
const GOLDEN_RATIO = 0x9e3779b1;

/** MurmurHash3's finaliser: every bit of its input changes about half of its output's. */
function fmix32(input: number): number {
  let h = Math.imul(input ^ (input >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Uniform numbers in (0, 1), of 32 bits. */
export function uniforms(key: string, count: number): Float64Array {
  const start = fmix32(fnv1a(key)); // keys that differ in a letter begin far from each other
  return Float64Array.from(
    { length: count },
    (_, i) => (fmix32((start + Math.imul(i, GOLDEN_RATIO)) | 0) + 0.5) / 2 ** 32,
  );
}

/** Numbers of the standard normal distribution (Box and Muller 1958, "A note on the generation of random normal deviates"). */
export function normals(key: string, count: number): Float64Array {
  const [radii, angles] = [uniforms(`${key} radius`, count), uniforms(`${key} angle`, count)];
  return radii.map((u, i) => Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * angles[i]));
}
