import type { Recipe } from '../../tensor/simd/recipe.ts';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { f32, f32x4, i32, v128 } from '../../tensor/wasm/instructions.ts';
import type { Local } from '../../tensor/wasm/values.ts';
import { at, words } from './address.ts';
import { emitExp } from './exp.ts';
import { ABREAST, forLanes, type Lanes, largestOf, sumOver } from './lanes.ts';
import { emitLog } from './log.ts';

/** The largest of a row's V scores, and Σ exp(z − largest). */
function total(code: Code, row: Local<'i32'>, V: Local<'i32'>) {
  const largest = largestOf(code, V, ({ load }) => load(row));
  const term = ({ load }: Lanes) => emitExp(code, code.let(f32x4.sub(load(row), largest)));
  const sum = sumOver(code, V, term, ABREAST);
  return { largest, sum };
}

/** `crossEntropy`: loss = log Σ exp(z − max) + (max − z[label]); V columns; the rows from `start` to `end`. */
export const crossEntropy = func(
  'crossEntropy',
  { z: 'i32', labels: 'i32', loss: 'i32', V: 'i32', start: 'i32', end: 'i32' },
  (code, { z, labels, loss, V, start, end }) => {
    code.for(start, end, 1, (row) => {
      const from = code.let(at(z, row, words(V)));
      const { largest, sum } = total(code, from, V);
      const label = v128.load32_splat(at(from, i32.load(at(labels, row))));
      const surprise = f32x4.add(emitLog(code, sum), f32x4.sub(largest, label));
      code.run(v128.store32_lane(at(loss, row), surprise, 0));
    });
  },
);

/** `crossEntropyGradient`: dz[v] = (softmax(z)[v] − [v = label]) · dy; V columns; the rows from `start` to `end`. */
export const crossEntropyGradient = func(
  'crossEntropyGradient',
  { z: 'i32', labels: 'i32', dy: 'i32', dz: 'i32', V: 'i32', start: 'i32', end: 'i32' },
  (code, { z, labels, dy, dz, V, start, end }) => {
    code.for(start, end, 1, (row) => {
      const [from, to] = [z, dz].map((rows) => code.let(at(rows, row, words(V))));
      const { largest, sum } = total(code, from, V);
      const probability = ({ load, store }: Lanes): void =>
        store(to, f32x4.div(emitExp(code, code.let(f32x4.sub(load(from), largest))), sum));
      forLanes(code, 0, V, probability, ABREAST);
      const label = code.let(at(to, i32.load(at(labels, row))));
      code.run(f32.store(label, f32.sub(f32.load(label), 1)));
      const flow = code.let(v128.load32_splat(at(dy, row)));
      forLanes(code, 0, V, ({ load, store }) => store(to, f32x4.mul(load(to), flow)));
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'crossEntropy',
    kernels: [crossEntropy],
    run: (host, [z, labels], { N, V }, y) =>
      host.run(crossEntropy, { z: z.at, labels: labels.at, loss: y.at, V }, N, 20 * N * V),
  },
  {
    op: 'crossEntropyGradient',
    kernels: [crossEntropyGradient],
    run: (host, [z, labels, dy], { N, V }, y) =>
      host.run(crossEntropyGradient, { z: z.at, labels: labels.at, dy: dy.at, dz: y.at, V }, N, 40 * N * V),
  },
];
