import { at, WORD, words } from './address.ts';
import { func } from './wasm/code.ts';
import { i32, memory } from './wasm/instructions.ts';

/**
 * `append`, in place: for each of the G segments (first row of the cache, first of `rows`, how many) copies those of
 * its rows that lie from `start` to `end` in `rows`. `rows` may be a part of something wider: its rows lie `rowsRow`
 * bytes apart. D columns.
 */
export const append = func(
  'append',
  { cache: 'i32', rows: 'i32', segments: 'i32', D: 'i32', rowsRow: 'i32', G: 'i32', start: 'i32', end: 'i32' },
  (code, { cache, rows, segments, D, rowsRow, G, start, end }) => {
    const bytes = code.let(words(D));
    code.for(0, G, 1, (segment) => {
      const entry = code.let(at(segments, segment, 3 * WORD));
      const [to, from, count] = [0, 1, 2].map((index) => code.let(i32.load(entry, index * WORD)));
      code.for(0, count, 1, (row) => {
        const index = code.let(i32.add(from, row));
        const mine = i32.and(i32.ge_u(index, start), i32.lt_u(index, end));
        code.if(mine, () => code.run(memory.copy(at(cache, i32.add(to, row), bytes), at(rows, index, rowsRow), bytes)));
      });
    });
  },
);
