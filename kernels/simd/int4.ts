import { type Int4Matrix, PER_WORD } from '../../tensor/int4.ts';
import type { Int4Parts, Stored } from '../../tensor/simd/stored.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';
import { PANEL } from './weight-types.ts';

/** Of a panel's scales and offsets of one group. */
export const GROUP_BYTES = 2 * PANEL * WORD;

/** Between them a scale loses no bits below, and cannot overflow. */
const [SMALLEST, LARGEST] = [2 ** -90, 2 ** 90];

/**
 * How a matrix of 4-bit numbers lies in a memory, one part behind the other:
 *
 * ```
 * words   [N/8, K/8, 8]  uint32   a panel of 8 outputs as in pack.ts: the 8 words of a step hold 8 inputs each
 * scales  [N/8, G, 16]   float32  of a group the 8 scales · 2⁻²⁸, then the 8 offsets −(zero − 8) · scale
 * groups  [K/step]       int32    bytes from a panel's first group to that of inputs step · i …; step is 8 or 1
 * ```
 *
 * A number q is stored as q − 8, two's complement, so that shifting it to the top of its word makes the integer (q − 8) · 2²⁸, of which
 * `q · scale + offset` is the weight: with scales of 11 bits every product and every sum here is exact, fused or not. So a product gives
 * the bytes that it gives with weights in float32.
 *
 * @returns where the parts lie, from the first on; undefined for scales with which this would not be exact
 */
export function int4Parts({ N, K, exact, scales, groups }: Int4Matrix): Int4Parts | undefined {
  const isExact = (scale: number) => scale === 0 || (Math.abs(scale) > SMALLEST && Math.abs(scale) < LARGEST);
  if (!exact || N % PANEL > 0 || !scales.every(isExact)) return undefined;
  const G = scales.length / N;
  const together = groups.every((group, k) => group === groups[k - (k % PER_WORD)]);
  const wordBytes = (N * K) / 2;
  const scaleBytes = (N / PANEL) * G * GROUP_BYTES;
  const step = together ? PER_WORD : 1;
  const bytes = wordBytes + scaleBytes + (K / step) * WORD;
  return { scales: wordBytes, groups: wordBytes + scaleBytes, step, G, bytes };
}

/** Writes a matrix as it lies in a memory. @param into so many bytes as the layout has */
export function writeInt4(
  { N, K, words, scales, zeros, groups }: Int4Matrix,
  layout: Int4Parts,
  into: Uint8Array,
): void {
  const { G, step } = layout;
  const [steps, panels] = [K / PER_WORD, N / PANEL];
  const packed = new Uint32Array(into.buffer, into.byteOffset, (N * K) / PER_WORD);
  for (let panel = 0, to = 0; panel < panels; panel++) {
    for (let i = 0; i < steps; i++) {
      const from = i * N + panel * PANEL;
      for (let column = 0; column < PANEL; column++) packed[to++] = words[from + column] ^ 0x88888888;
    }
  }
  const factors = new Float32Array(into.buffer, into.byteOffset + layout.scales, 2 * G * N);
  for (let panel = 0, to = 0; panel < panels; panel++) {
    for (let group = 0; group < G; group++, to += 2 * PANEL) {
      for (let column = 0; column < PANEL; column++) {
        const from = group * N + panel * PANEL + column;
        factors[to + column] = scales[from] * 2 ** -28;
        factors[to + PANEL + column] = (8 - zeros[from]) * scales[from];
      }
    }
  }
  const offsets = new Int32Array(into.buffer, into.byteOffset + layout.groups, K / step);
  for (let i = 0; i < offsets.length; i++) offsets[i] = GROUP_BYTES * groups[i * step];
}

/** Where a kernel finds a panel. */
export interface Int4Panel {
  /** Of the panel's words. */
  readonly words: Value<'i32'>;
  /** Of its scales. */
  readonly scales: Value<'i32'>;
}

/** Parameters of kernels that read such a matrix, and where its panels are. */
export const INT4_PARAMETERS = { w: 'i32', scales: 'i32', groups: 'i32', G: 'i32' } as const;

export const panelOf = (
  { w, scales, G }: Readonly<Record<'w' | 'scales' | 'G', Local<'i32'>>>,
  panel: Local<'i32'>,
  K: Local<'i32'>,
): Int4Panel => ({
  words: at(w, panel, i32.mul(K, PANEL / 2)),
  scales: at(scales, panel, i32.mul(G, GROUP_BYTES)),
});

/** The scales and offsets of eight columns. */
type Factors = readonly { readonly scale: Local<'v128'>; readonly offset: Local<'v128'> }[];

/**
 * Emits one step: the eight inputs of a panel's eight words, as float32 weights of four columns each.
 *
 * @param step inputs that share their group
 * @param group where the group of the first input is found
 * @param use is given the weights of input `index`, columns 0 to 3 and 4 to 7
 */
export function emitStep(
  code: Code,
  { words, scales, group, step }: { words: Local<'i32'>; scales: Local<'i32'>; group: Local<'i32'>; step: 8 | 1 },
  use: (index: number, weights: readonly Value<'v128'>[]) => void,
): void {
  const packed = [0, 1].map((half) => code.let(v128.load(words, 16 * half)));
  const factorsAt = (index: number): Factors => {
    const from = code.let(i32.add(scales, i32.load(group, index * WORD)));
    return [0, 1].map((half) => ({
      scale: code.let(v128.load(from, 16 * half)),
      offset: code.let(v128.load(from, 16 * half + PANEL * WORD)),
    }));
  };
  const shared = step === PER_WORD ? factorsAt(0) : undefined;
  const top = code.let(i32x4.const(-(2 ** 28)));
  for (let index = 0; index < PER_WORD; index++) {
    const factors = shared ?? factorsAt(index);
    const weights = packed.map((word, half) => {
      const shifted = index === PER_WORD - 1 ? word : i32x4.shl(word, i32.const(28 - 4 * index));
      const number = index === 0 ? shifted : v128.and(shifted, top);
      return code.multiplyAdd(f32x4.convert_i32x4_s(number), factors[half].scale, factors[half].offset);
    });
    use(index, weights);
  }
}

/** Widens `depth` inputs of a panel to float32, eight columns side by side: a panel as pack.ts makes it. `depth` is a multiple of 8. */
export const widenInt4 = {
  8: widening(8),
  1: widening(1),
};

function widening(step: 8 | 1) {
  return func(
    `widen_int4_${step}`,
    { words: 'i32', scales: 'i32', group: 'i32', to: 'i32', depth: 'i32' },
    (code, { words, scales, group, to, depth }) => {
      code.for(0, depth, PER_WORD, () => {
        emitStep(code, { words, scales, group, step }, (index, weights) => {
          for (const [half, weight] of weights.entries()) {
            code.run(v128.store(to, weight, (index * PANEL + 4 * half) * WORD));
          }
        });
        code.set(words, i32.add(words, PANEL * WORD));
        code.set(group, i32.add(group, (PER_WORD / step) * WORD));
        code.set(to, i32.add(to, PER_WORD * PANEL * WORD));
      });
    },
  );
}

/** Whole panels widened to float32: those from `start` to `end` are written. */
export const int4Panels = {
  8: panelsOf(8),
  1: panelsOf(1),
};

function panelsOf(step: 8 | 1) {
  return func(
    `panels_int4_${step}`,
    { ...INT4_PARAMETERS, packed: 'i32', K: 'i32', start: 'i32', end: 'i32' },
    (code, { packed, K, start, end, ...p }) => {
      code.for(start, end, 1, (panel) => {
        const to = at(packed, panel, i32.mul(K, PANEL * WORD));
        code.call(widenInt4[step], { ...panelOf(p, panel, K), group: p.groups, to, depth: K });
      });
    },
  );
}

/** The places that kernels take of a matrix in 4 bits. */
export const int4Places = ({ at: w, int4 }: Stored): { w: number; scales: number; groups: number; G: number } => ({
  w,
  scales: w + int4!.scales,
  groups: w + int4!.groups,
  G: int4!.G,
});
