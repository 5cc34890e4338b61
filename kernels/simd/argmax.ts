import { at, words } from './address.ts';
import { func } from './wasm/code.ts';
import { f32, i32 } from './wasm/instructions.ts';

/**
 * `argmax`: the index (int32) of each row's largest element, the first of equals; V columns; the rows from `start` to
 * `end`.
 */
export const argmax = func(
  'argmax',
  { x: 'i32', index: 'i32', V: 'i32', start: 'i32', end: 'i32' },
  (code, { x, index, V, start, end }) => {
    code.for(start, end, 1, (row) => {
      const from = code.let(at(x, row, words(V)));
      const best = code.let(i32.const(0));
      const largest = code.let(f32.load(from));
      code.for(1, V, 1, (column) => {
        const candidate = code.let(f32.load(at(from, column)));
        code.if(f32.gt(candidate, largest), () => {
          code.set(largest, candidate);
          code.set(best, column);
        });
      });
      code.run(i32.store(at(index, row), best));
    });
  },
);
