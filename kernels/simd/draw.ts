import type { Drawn } from '../../tensor/device.ts';
import type { Host } from '../../tensor/simd/bank.ts';
import type { Stored } from '../../tensor/simd/stored.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, i16x8, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { at } from './address.ts';
import { WEIGHT_BYTES } from './weight-types.ts';

/** Elements of a unit: as many as one vector holds in bfloat16. */
const DRAWN_AT_ONCE = 8;

/** 2³² divided by the golden ratio, as an int32. */
const GOLDEN_RATIO = 0x9e3779b1 | 0;

/**
 * Procedural weights (src/checkpoint/procedural.ts): element i is `scale · b`, b the signed top byte of MurmurHash3's
 * finaliser of `i · 0x9E3779B1 + seed`. In bfloat16 the upper halves are kept, which hold such numbers exactly.
 *
 * Parameters: `y`; `seed` of element 0; `scale`, a power of two; the units of 8 elements from `start` to `end`.
 */
const drawing = (type: 'float32' | 'bfloat16') =>
  func(
    `draw_${type}`,
    { y: 'i32', seed: 'i32', scale: 'f32', start: 'i32', end: 'i32' },
    (code, { y, seed, scale, start, end }) => {
      const factor = code.let(f32x4.splat(scale));
      const steps = i32x4.const(...([0, 1, 2, 3].map((lane) => Math.imul(lane, GOLDEN_RATIO)) as Four));
      const first = i32.add(i32.mul(i32.mul(start, DRAWN_AT_ONCE), GOLDEN_RATIO), seed);
      const input = code.let(i32x4.add(i32x4.splat(first), steps));
      const fourMore = i32x4.const(Math.imul(4, GOLDEN_RATIO));
      const next = (): Local<'v128'> => {
        const value = code.let(f32x4.mul(f32x4.convert_i32x4_s(topByte(input)), factor));
        code.set(input, i32x4.add(input, fourMore));
        return value;
      };
      const topByte = (x: Local<'v128'>): Value<'v128'> => {
        const once = code.let(i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.const(0x85ebca6b | 0)));
        const twice = i32x4.mul(v128.xor(once, i32x4.shr_u(once, 13)), i32x4.const(0xc2b2ae35 | 0));
        return i32x4.sub(i32x4.shr_u(twice, 24), i32x4.const(128)); // the finaliser's last step leaves the top byte
      };
      code.for(start, end, 1, (unit) => {
        const to = code.let(at(y, unit, DRAWN_AT_ONCE * WEIGHT_BYTES[type]));
        const [low, high] = [next(), next()];
        if (type === 'float32') {
          code.run(v128.store(to, low));
          code.run(v128.store(to, high, 16));
        } else {
          const upper = (value: Local<'v128'>) => i32x4.shr_u(value, 16);
          code.run(v128.store(to, i16x8.narrow_i32x4_u(upper(low), upper(high))));
        }
      });
    },
  );

export const draw = { float32: drawing('float32'), bfloat16: drawing('bfloat16') };

/** For each element. */
const OPERATIONS = 8;

export function drawElements(host: Host, { length, seed, scale }: Drawn, to: Stored): void {
  const kernel = draw[to.type === 'bfloat16' ? 'bfloat16' : 'float32'];
  host.run(kernel, { y: to.at, seed, scale }, Math.ceil(length / DRAWN_AT_ONCE), OPERATIONS * length);
}

type Four = [number, number, number, number];
