import { at, words } from './address.ts';
import { type Code, func } from './wasm/code.ts';
import { i32, memory } from './wasm/instructions.ts';
import type { Local, Value } from './wasm/values.ts';
import { forEachType, WEIGHT_BYTES, type WeightType } from './weights.ts';

/**
 * `embedding`: y[i] = table[ids[i]], a table of D columns, of float32 or widened from bfloat16; the rows from `start`
 * to `end`.
 */
export const embedding = forEachType((type: WeightType) =>
  func(
    `embedding_${type}`,
    { table: 'i32', ids: 'i32', y: 'i32', D: 'i32', start: 'i32', end: 'i32' },
    (code, { table, ids, y, D, start, end }) => {
      code.for(start, end, 1, (row) => {
        const from = code.let(at(table, i32.load(at(ids, row)), i32.mul(D, WEIGHT_BYTES[type])));
        const to = code.let(at(y, row, words(D)));
        if (type === 'float32') code.run(memory.copy(to, from, words(D)));
        else widen(code, to, from, D);
      });
    },
  ),
);

function widen(code: Code, to: Local<'i32'>, from: Local<'i32'>, count: Value<'i32'>): void {
  const end = code.let(at(to, count));
  code.for(to, end, 4, (element) => {
    code.run(i32.store(element, i32.shl(i32.load16_u(from), 16)));
    code.set(from, i32.add(from, 2));
  });
}
