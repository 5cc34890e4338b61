import type { Recipe } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { i32, memory, select } from '../../tensor/wasm/instructions.ts';
import { at, WORD, words } from './address.ts';

/**
 * `append`, in place: for each of the G segments (first row of the cache, first of `rows`, how many) copies those of
 * its rows whose places lie from `start` to `end` in the cache; of two segments for one place the later counts. `rows` may
 * be a part of something wider: its rows lie `rowsRow` bytes apart. D columns.
 */
export const append = func(
  'append',
  { cache: 'i32', rows: 'i32', segments: 'i32', D: 'i32', rowsRow: 'i32', G: 'i32', start: 'i32', end: 'i32' },
  (code, { cache, rows, segments, D, rowsRow, G, start, end }) => {
    const bytes = code.let(words(D));
    code.for(0, G, 1, (segment) => {
      const entry = code.let(at(segments, segment, 3 * WORD));
      const [to, from, count] = [0, 1, 2].map((index) => code.let(i32.load(entry, index * WORD)));
      const last = code.let(i32.add(to, count));
      code.if(i32.lt_u(end, last), () => code.set(last, end));
      code.for(select(i32.lt_u(to, start), start, to), last, 1, (place) => {
        const row = i32.add(from, i32.sub(place, to));
        code.run(memory.copy(at(cache, place, bytes), at(rows, row, rowsRow), bytes));
      });
    });
  },
);

export const recipes: readonly Recipe[] = [
  {
    op: 'append',
    kernels: [append],
    main: { input: 0, as: 'output' },
    run: (host, [, rows, segments], { M, N, D, G }, y) =>
      host.run(append, { cache: y.at, rows: rows.at, segments: segments.at, D, rowsRow: 4 * D, G }, M, N * D),
  },
];
