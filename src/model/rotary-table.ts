/**
 * The factor by which dynamic NTK stretches the rotary base for a sequence fed at once:
 * `α = max(1, 2^⌈log₂(n / seq_length) + 1⌉ − 1)`.
 */
export function ntkAlpha(length: number, seqLength: number): number {
  return Math.max(1, 2 ** Math.ceil(Math.log2(length / seqLength) + 1) - 1);
}

/** What a rotary table depends on: the size of a head, the base, and the stretch of dynamic NTK. */
export interface Rotary {
  readonly d: number;
  readonly base: number;
  readonly alpha: number;
}

/** `[length, d]` each, row-major. */
export interface RotaryTable {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Cosines and sines of `position · base^(−2i/d)` for rotary embeddings; both halves of a row hold the same d/2 angles (Su et
 * al. 2021, arXiv 2104.09864, section 3.2.2). With α the base becomes `base · α^(d/(d−2))`.
 *
 * Quirk: the original computes inverse frequencies and angles in float32, and at position 2,100 a float64 table already
 * gives other activations (1e-5). Every rounding here is one of the original's.
 *
 * @param start the position of the first row
 * @param d size of a head
 * @returns two `[length, d]` tables, row-major
 */
export function rotaryTable(start: number, length: number, { d, base, alpha }: Rotary): RotaryTable {
  const stretched = Math.fround(base * alpha ** (d / (d - 2)));
  const cos = new Float32Array(length * d);
  const sin = new Float32Array(length * d);
  for (let i = 0; i < d / 2; i++) {
    const inverse = Math.fround(1 / Math.fround(stretched ** Math.fround((2 * i) / d)));
    for (let row = 0; row < length; row++) {
      const angle = Math.fround((start + row) * inverse);
      const [first, second] = [row * d + i, row * d + i + d / 2];
      cos[first] = cos[second] = Math.cos(angle);
      sin[first] = sin[second] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Of the models and stretches that were asked for last: sequences of different ones may take turns. */
const kept = new Map<string, { readonly length: number; readonly table: RotaryTable }>();
const MOST_KEPT = 8;

/** The same rows, out of a table that is kept, as the original keeps one. Do not write to them. */
export function rotaryRows(start: number, length: number, of: Rotary): RotaryTable {
  const { d, base, alpha } = of;
  const end = start + length;
  const key = `${d} ${base} ${alpha}`;
  let found = kept.get(key);
  if (!found || found.length < end) {
    // It grows by doubling, so that steps of one row do not compute it over and over.
    const rows = Math.max(end, found ? 2 * found.length : 0);
    found = { length: rows, table: rotaryTable(0, rows, of) };
  }
  kept.delete(key);
  kept.set(key, found); // the last one now
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
  const { cos, sin } = found.table;
  return { cos: cos.subarray(start * d, end * d), sin: sin.subarray(start * d, end * d) };
}

/**
 * Log-n scaling of the queries: `max(1, log_seq_length(p))` for the position p counted from 1, so that attention stays
 * sharp over more keys than the model was trained with (Su 2021, kexue.fm/archives/8823).
 *
 * @returns `[length]` factors
 */
export function logNFactors(start: number, length: number, seqLength: number): Float32Array {
  return new Float32Array(length).map((_, row) => Math.max(1, Math.log(start + row + 1) / Math.log(seqLength)));
}
