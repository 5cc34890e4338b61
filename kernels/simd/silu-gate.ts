import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { f32x4, v128 } from '../../tensor/wasm/instructions.ts';
import { emitExp } from './exp.ts';
import { ABREAST, forLanes, type Lanes } from './lanes.ts';

/**
 * `siluGate`: y = x · gate / (1 + exp(−gate)); the elements from `start` to `end`. As in the meaning, the exponent
 * never grows: e = exp(−|gate|), and the numerator is 1, or e for a negative gate.
 */
export const siluGate = func(
  'siluGate',
  { x: 'i32', gate: 'i32', y: 'i32', start: 'i32', end: 'i32' },
  (code, { x, gate, y, start, end }) => {
    const { add, mul, div } = f32x4;
    const compute = ({ load, store }: Lanes): void => {
      const g = code.let(load(gate));
      const e = emitExp(code, code.let(f32x4.neg(f32x4.abs(g))));
      const numerator = v128.bitselect(e, f32x4.const(1), f32x4.lt(g, f32x4.const(0)));
      store(y, mul(load(x), mul(g, div(numerator, add(f32x4.const(1), e)))));
    };
    forLanes(code, start, end, compute, ABREAST);
  },
);

/**
 * `siluGateGradient`: dgate = dy · x · s · (1 + gate · (1 − s)), s the sigmoid of gate; the elements from `start` to `end`. `1 − s` is the
 * sigmoid of −gate.
 */
export const siluGateGradient = func(
  'siluGateGradient',
  { x: 'i32', gate: 'i32', dy: 'i32', dgate: 'i32', start: 'i32', end: 'i32' },
  (code, { x, gate, dy, dgate, start, end }) => {
    const { add, mul, div } = f32x4;
    const one = code.let(f32x4.const(1));
    const compute = ({ load, store }: Lanes): void => {
      const g = code.let(load(gate));
      const e = emitExp(code, code.let(f32x4.neg(f32x4.abs(g))));
      const negative = code.let(f32x4.lt(g, f32x4.const(0)));
      const share = code.let(div(one, add(one, e)));
      const sigmoid = mul(v128.bitselect(e, one, negative), share);
      const rest = mul(v128.bitselect(one, e, negative), share);
      store(dgate, mul(mul(load(dy), load(x)), mul(sigmoid, add(one, mul(g, rest)))));
    };
    forLanes(code, start, end, compute, ABREAST);
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'siluGate',
    kernels: [siluGate],
    run: (host, [x, gate], { N, D }, y) => host.run(siluGate, { x: x.at, gate: gate.at, y: y.at }, N * D, 30 * N * D),
  },
  {
    op: 'siluGateGradient',
    kernels: [siluGateGradient],
    run: (host, [x, gate, dy], { N, D }, y) =>
      host.run(siluGateGradient, { x: x.at, gate: gate.at, dy: dy.at, dgate: y.at }, N * D, 30 * N * D),
  },
];
