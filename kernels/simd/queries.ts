import type { Code } from '../../tensor/wasm/code.ts';
import { i32 } from '../../tensor/wasm/instructions.ts';
import type { Local, Value } from '../../tensor/wasm/values.ts';
import { at, WORD } from './address.ts';

/** Query rows that share each load of a key or a value. */
export const QUERIES = 4;

/** A query, or four neighbours of one head whose keys begin at the same row. */
interface Queries {
  readonly head: Local<'i32'>;
  readonly row: Local<'i32'>;
  readonly item: Local<'i32'>;
  /** The first key row they see. */
  readonly first: Local<'i32'>;
  /** The fewest and the most keys that one of them sees: the fewer are the beginning of the more. */
  readonly least: Local<'i32'>;
  readonly most: Local<'i32'>;
  /** How many queries: QUERIES or 1. */
  readonly together: Local<'i32'>;
}

/** Visits the items from `start` to `end`, four at a time where four queries can share keys. */
export function forQueries(
  code: Code,
  { span, N, start, end }: Readonly<Record<'span' | 'N' | 'start' | 'end', Local<'i32'>>>,
  body: (queries: Queries) => void,
): void {
  const together = code.let(i32.const(1));
  code.for(start, end, together, (item) => {
    const head = code.let(i32.div_u(item, N));
    const row = code.let(i32.rem_u(item, N));
    const entry = (index: number, field: number): Value<'i32'> =>
      i32.load(at(span, row, 2 * WORD), (2 * index + field) * WORD);
    const first = code.let(entry(0, 0));
    const least = code.let(entry(0, 1));
    const most = code.let(least);
    code.set(together, 1);
    const inside = (limit: Local<'i32'>, of: Local<'i32'>): Value<'i32'> => i32.ge_u(limit, i32.add(of, QUERIES));
    code.if(i32.and(inside(N, row), inside(end, item)), () => {
      const same = [1, 2, 3].map((index) => i32.eq(entry(index, 0), first)).reduce(i32.and);
      code.if(same, () => {
        code.set(together, QUERIES);
        for (let index = 1; index < QUERIES; index++) {
          const count = code.let(entry(index, 1));
          code.if(i32.lt_u(count, least), () => code.set(least, count));
          code.if(i32.lt_u(most, count), () => code.set(most, count));
        }
      });
    });
    body({ head, row, item, first, least, most, together });
  });
}
