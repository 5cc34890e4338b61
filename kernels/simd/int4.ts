import { type Int4Matrix, PER_WORD } from '../../tensor/int4.ts';
import type { Int4Parts, Stored } from '../../tensor/simd/stored.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32x4, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';
import { PANEL } from './weight-types.ts';

/** Of a panel's scales and zeros of one group. */
export const GROUP_BYTES = 2 * PANEL * WORD;

/** Inputs that are summed in integers: see int4-dots.ts. */
export const BLOCK = 32;

/**
 * How a matrix of 4-bit numbers lies in a memory, one part behind the other:
 *
 * ```
 * words   [N/8, K/8, 8]  uint32   a panel of 8 outputs as in pack.ts: the 8 words of a step hold 8 inputs each
 * scales  [N/8, G, 16]   float32  of a group the 8 scales, then the 8 zeros
 * groups  [K/step]       int32    bytes from a panel's first group to that of inputs step · i …
 * ```
 *
 * @returns where the parts lie, from the first on
 */
export function int4Parts({ N, K, scales, groups }: Int4Matrix): Int4Parts {
  const G = scales.length / N;
  const together = (count: number) => groups.every((group, k) => group === groups[k - (k % count)]);
  const step = together(BLOCK) ? BLOCK : together(PER_WORD) ? PER_WORD : 1;
  const wordBytes = (N * K) / 2;
  const scaleBytes = (N / PANEL) * G * GROUP_BYTES;
  const bytes = wordBytes + scaleBytes + (K / Math.min(step, PER_WORD)) * WORD;
  return { scales: wordBytes, groups: wordBytes + scaleBytes, step, G, bytes };
}

/** Writes a matrix as it lies in a memory. @param into so many bytes as its parts have */
export function writeInt4(
  { N, K, words, scales, zeros, groups }: Int4Matrix,
  parts: Int4Parts,
  into: Uint8Array,
): void {
  const { G } = parts;
  const [steps, panels] = [K / PER_WORD, N / PANEL];
  const packed = new Uint32Array(into.buffer, into.byteOffset, (N * K) / PER_WORD);
  for (let panel = 0, to = 0; panel < panels; panel++) {
    for (let i = 0; i < steps; i++) {
      const from = i * N + panel * PANEL;
      for (let column = 0; column < PANEL; column++) packed[to++] = words[from + column];
    }
  }
  const factors = new Float32Array(into.buffer, into.byteOffset + parts.scales, 2 * G * N);
  for (let panel = 0, to = 0; panel < panels; panel++) {
    for (let group = 0; group < G; group++, to += 2 * PANEL) {
      const from = group * N + panel * PANEL;
      for (let column = 0; column < PANEL; column++) {
        factors[to + column] = scales[from + column];
        factors[to + PANEL + column] = zeros[from + column];
      }
    }
  }
  const step = Math.min(parts.step, PER_WORD);
  const offsets = new Int32Array(into.buffer, into.byteOffset + parts.groups, K / step);
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

/** The scales and zeros of eight columns. */
type Factors = readonly { readonly scale: Local<'v128'>; readonly zero: Local<'v128'> }[];

/**
 * Emits one step: the eight inputs of a panel's eight words, as float32 weights of four columns each, rounded as on the host.
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
      zero: code.let(v128.load(from, 16 * half + PANEL * WORD)),
    }));
  };
  const shared = step === PER_WORD ? factorsAt(0) : undefined;
  const mask = code.let(i32x4.const(15));
  for (let index = 0; index < PER_WORD; index++) {
    const factors = shared ?? factorsAt(index);
    const weights = packed.map((word, half) => {
      const shifted = index === 0 ? word : i32x4.shr_u(word, i32.const(4 * index));
      const number = index === PER_WORD - 1 ? shifted : v128.and(shifted, mask);
      const { scale, zero } = factors[half];
      return f32x4.mul(f32x4.sub(f32x4.convert_i32x4_s(number), zero), scale);
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
