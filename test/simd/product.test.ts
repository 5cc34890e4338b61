import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ACTIVATION, K_BLOCK, product, SCRATCH, transposedProduct, unitsOf } from '../../kernels/simd/product.ts';
import { PANEL, type WeightType } from '../../kernels/simd/weight-types.ts';
import { roundToBfloat16, roundToFloat16, widenBfloat16, widenFloat16 } from '../../tensor/dtype.ts';
import { draw } from '../kernels/case.ts';
import { erf } from './erf.ts';
import { type Guarded, guarded } from './guarded.ts';
import { packed } from './packed.ts';

const memory = guarded();
/** With the tile of newer engines. */
const newer = guarded({ modern: true });

type Variant = keyof typeof product;
const variants = Object.keys(product) as Variant[];
const typeOf = (variant: Variant): WeightType =>
  variant === 'float32' ? 'float32' : /(^|_)float16$/.test(variant) ? 'float16' : 'bfloat16';

/** Weights as they are kept, and as the float32 they stand for. */
function keep(type: WeightType, data: Float32Array): { kept: Float32Array | Uint16Array; values: Float32Array } {
  if (type === 'float32') return { kept: data, values: data };
  const [round, widen] = type === 'float16' ? [roundToFloat16, widenFloat16] : [roundToBfloat16, widenBfloat16];
  const kept = round(data);
  return { kept, values: widen(kept) };
}

interface Layer {
  x: Float32Array;
  bias?: Float32Array | undefined;
  residual?: Float32Array | undefined;
  activation?: number;
}

/** The whole product, or its parts of so many rows and panels, last first. */
function run(
  { run, put, allocate, floats }: Guarded,
  variant: Variant,
  w: number,
  { x, bias, residual, activation = ACTIVATION.none }: Layer,
  { M, N, K, cut = [M, Math.ceil(N / PANEL)] }: { M: number; N: number; K: number; cut?: readonly [number, number] },
): Float32Array {
  const y = allocate(4 * M * N);
  const [unitRows, unitPanels] = cut;
  const units = Math.ceil(M / unitRows) * Math.ceil(Math.ceil(N / PANEL) / unitPanels);
  const given = {
    x: put(x),
    w,
    bias: bias ? put(bias) : 0,
    residual: residual ? put(residual) : 0,
    y,
    M,
    N,
    K,
    activation,
    scratch: variant.startsWith('widened') ? allocate(SCRATCH * units) : 0,
    unitRows,
    unitPanels,
  };
  for (let unit = units - 1; unit >= 0; unit--) run(product[variant], { ...given, start: unit, end: unit + 1 });
  return floats(y, M * N);
}

const gelu = (x: number): number => (x / 2) * (1 + erf(x * Math.SQRT1_2));

const layers = fc.record({
  M: fc.integer({ min: 1, max: 15 }),
  N: fc.integer({ min: 1, max: 40 }),
  K: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: K_BLOCK - 2, max: 2 * K_BLOCK + 3 })),
  seed: fc.nat(0xffff),
  biased: fc.boolean(),
  residual: fc.boolean(),
  activated: fc.boolean(),
  cut: fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4 })),
});

test.each(variants)('with %s weights it equals the equation, whole and in parts', (variant) => {
  fc.assert(
    fc.property(layers, ({ M, N, K, seed, biased, residual: added, activated, cut }) => {
      memory.clear();
      const source = draw(seed);
      const floats = (...shape: number[]) => source.floats(shape).data as Float32Array;
      const { kept, values } = keep(typeOf(variant), floats(N, K));
      const w = packed(memory, typeOf(variant), kept, N, K);
      const layer = {
        x: floats(M, K),
        bias: biased ? floats(N) : undefined,
        residual: added ? floats(M, N) : undefined,
        activation: activated ? ACTIVATION.gelu : ACTIVATION.none,
      };
      const y = run(memory, variant, w, layer, { M, N, K });
      for (let m = 0; m < M; m++) {
        for (let n = 0; n < N; n++) {
          let sum = layer.bias?.[n] ?? 0;
          let scale = Math.abs(sum);
          for (let k = 0; k < K; k++) {
            const term = layer.x[m * K + k] * values[n * K + k];
            sum += term;
            scale += Math.abs(term);
          }
          const rest = layer.residual?.[m * N + n] ?? 0;
          const expected = (activated ? gelu(sum) : sum) + rest;
          // As `linear` in test/tolerances.ts, and 4 roundings for gelu, whose slope is at most 1.13.
          const allowed = 2 ** -24 * (12 * scale + 2 * Math.abs(rest));
          expect(Math.abs(y[m * N + n] - expected)).toBeLessThanOrEqual(allowed);
        }
      }
      expect(run(memory, variant, w, layer, { M, N, K, cut })).toEqual(y);
      memory.clear();
      newer.clear();
      expect(run(newer, variant, packed(newer, typeOf(variant), kept, N, K), layer, { M, N, K })).toEqual(y);
      newer.clear();
    }),
    { numRuns: 60 },
  );
});

test.each(variants)('%s: a row alone has the bytes that it has among others', (variant) => {
  memory.clear();
  const [M, N, K] = [137, 50, 300]; // more than a block of rows, of columns at once, of k
  const { floats } = draw(7);
  const x = floats([M, K]).data as Float32Array;
  const type = typeOf(variant);
  const w = packed(memory, type, keep(type, floats([N, K]).data as Float32Array).kept, N, K);
  const all = run(memory, variant, w, { x }, { M, N, K });
  expect(run(memory, type, w, { x }, { M, N, K })).toEqual(all);
  for (const [row, rows] of [
    [0, 1],
    [5, 2],
    [77, 3],
    [128, 9],
    [136, 1],
  ]) {
    const some = run(memory, variant, w, { x: x.slice(row * K, (row + rows) * K) }, { M: rows, N, K });
    expect(some).toEqual(all.slice(row * N, (row + rows) * N));
  }
  memory.clear();
});

test('the gradient of a weight equals the product of what was turned over, with the tile of either engine', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 30 }),
      fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: K_BLOCK - 2, max: K_BLOCK + 40 })),
      fc.nat(0xffff),
      (M, N, K, seed) => {
        const { floats } = draw(seed);
        const [x, w] = [floats([M, K]).data as Float32Array, floats([N, K]).data as Float32Array];
        memory.clear();
        const expected = run(memory, 'float32', packed(memory, 'float32', w, N, K), { x }, { M, N, K });
        for (const each of [memory, newer]) {
          each.clear();
          const y = each.allocate(4 * M * N);
          const rest = { bias: 0, residual: 0, activation: ACTIVATION.none, scratch: 0 };
          const { units, ...cut } = unitsOf(M, N, K);
          const panels = { x: packed(each, 'float32', x, M, K), w: packed(each, 'float32', w, N, K) };
          each.run(transposedProduct, { ...panels, y, M, N, K, ...rest, ...cut, start: 0, end: units });
          expect(each.floats(y, M * N)).toEqual(expected);
          each.clear();
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('sums in blocks keep the rounding of long rows low', () => {
  memory.clear();
  const [M, N, K] = [4, 8, 11008];
  const { floats } = draw(3);
  const [x, weights] = [floats([M, K]).data as Float32Array, floats([N, K]).data as Float32Array];
  const y = run(memory, 'float32', packed(memory, 'float32', weights, N, K), { x }, { M, N, K });
  let [ours, plain] = [0, 0];
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let [exact, rounded] = [0, 0];
      for (let k = 0; k < K; k++) {
        exact += x[m * K + k] * weights[n * K + k];
        rounded = Math.fround(rounded + Math.fround(x[m * K + k] * weights[n * K + k]));
      }
      ours += (y[m * N + n] - exact) ** 2;
      plain += (rounded - exact) ** 2;
    }
  }
  expect(Math.sqrt(ours)).toBeLessThan(Math.sqrt(plain) / 2);
  memory.clear();
});

test('units cover every row and panel once; of many rows under few weights each has all panels', () => {
  const sizes = fc.integer({ min: 1, max: 5000 });
  fc.assert(
    fc.property(sizes, sizes, sizes, (M, N, K) => {
      const { unitRows, unitPanels, units } = unitsOf(M, N, K);
      const across = Math.ceil(Math.ceil(N / PANEL) / unitPanels);
      const down = units / across;
      expect(unitRows % 4).toBe(0);
      expect([down * unitRows >= M, (down - 1) * unitRows < M, Number.isInteger(down)]).toEqual([true, true, true]);
      if (M >= 1024 && N * K <= 2 ** 18) expect(across).toBe(1);
    }),
    {
      numRuns: 300,
      examples: [
        [1920, 768, 256],
        [2048, 192, 768],
        [1024, 8192, 1664],
        [1, 9, 9],
      ],
    },
  );
});
