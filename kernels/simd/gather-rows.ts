import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory } from '../../tensor/wasm/instructions.ts';
import { at, words } from './address.ts';
import { forEachType, WEIGHT_BYTES, type WeightType, weightType } from './weight-types.ts';
import { widen } from './widen.ts';

/**
 * `gatherRows`: y[i] = table[ids[i]], a table of D columns, of float32 or widened from 16 bits; the rows from `start`
 * to `end`.
 */
export const gatherRows = forEachType((type: WeightType) =>
  func(
    `gatherRows_${type}`,
    { table: 'i32', ids: 'i32', y: 'i32', D: 'i32', start: 'i32', end: 'i32' },
    (code, { table, ids, y, D, start, end }) => {
      code.for(start, end, 1, (row) => {
        const from = code.let(at(table, i32.load(at(ids, row)), i32.mul(D, WEIGHT_BYTES[type])));
        const to = code.let(at(y, row, words(D)));
        if (type === 'float32') code.run(memory.copy(to, from, words(D)));
        else code.call(widen[type], { from, to, count: D });
      });
    },
  ),
);

export const recipes: readonly Recipe[] = [
  {
    op: 'gatherRows',
    kernels: Object.values(gatherRows),
    main: { input: 0, as: 'rows' },
    run: (host, [table, ids], { T, D }, y) =>
      host.run(gatherRows[weightType(table)], { table: table.at, ids: ids.at, y: y.at, D }, T, T * D),
  },
];
