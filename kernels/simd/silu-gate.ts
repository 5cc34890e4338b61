import { emitExp } from './exp.ts';
import { forLanes } from './lanes.ts';
import { func } from './wasm/code.ts';
import { f32x4, v128 } from './wasm/instructions.ts';

/**
 * `siluGate`: y = x · gate / (1 + exp(−gate)); the elements from `start` to `end`. As in the meaning, the exponent
 * never grows: e = exp(−|gate|), and the numerator is 1, or e for a negative gate.
 */
export const siluGate = func(
  'siluGate',
  { x: 'i32', gate: 'i32', y: 'i32', start: 'i32', end: 'i32' },
  (code, { x, gate, y, start, end }) => {
    const { add, mul, div } = f32x4;
    forLanes(code, start, end, ({ load, store }) => {
      const g = code.let(load(gate));
      const e = emitExp(code, code.let(f32x4.neg(f32x4.abs(g))));
      const numerator = v128.bitselect(e, f32x4.const(1), f32x4.lt(g, f32x4.const(0)));
      store(y, mul(load(x), mul(g, div(numerator, add(f32x4.const(1), e)))));
    });
  },
);
