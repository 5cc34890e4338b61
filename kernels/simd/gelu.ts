import { emitErf } from './erf.ts';
import { forLanes } from './lanes.ts';
import { type Code, func } from './wasm/code.ts';
import { f32x4 } from './wasm/instructions.ts';
import type { Local } from './wasm/values.ts';

/** `x/2 · (1 + erf(x/√2))` in four lanes. */
export function emitGelu(code: Code, x: Local<'v128'>): Local<'v128'> {
  const { add, mul } = f32x4;
  const erf = emitErf(code, code.let(mul(x, f32x4.const(Math.SQRT1_2))));
  return code.let(mul(mul(x, f32x4.const(0.5)), add(f32x4.const(1), erf)));
}

/** `gelu` over the elements from `start` to `end`. */
export const gelu = func('gelu', { x: 'i32', y: 'i32', start: 'i32', end: 'i32' }, (code, { x, y, start, end }) => {
  forLanes(code, start, end, ({ load, store }) => {
    store(y, emitGelu(code, code.let(load(x))));
  });
});
