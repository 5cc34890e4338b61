import type { ValuesResult } from '../../engine/values.ts';
import { AsTable } from '../parts/as-table.tsx';
import { exact } from './numbers.ts';
import { follow } from './window.ts';

const SIDE = 12;

/** What is around the cursor as a table, made when it is opened. */
export function WindowTable({
  name,
  seen,
  at,
}: {
  name: string;
  seen: ValuesResult;
  at: { readonly row: number; readonly column: number };
}) {
  const around = (cursor: number, size: number) => follow({ from: cursor - SIDE / 2, count: SIDE }, cursor, SIDE, size);
  const { from: row, count: rows } = around(at.row - seen.row, seen.rows);
  const { from: column, count: columns } = around(at.column - seen.column, seen.columns);
  const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
  return (
    <AsTable
      summary="around the cursor, as a table"
      label={`${name}, table`}
      table={() => (
        <table>
          <thead>
            <tr>
              <th scope="col">row</th>
              {range(column, columns).map((j) => (
                <th key={j} scope="col">
                  {seen.words.columns[j]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {range(row, rows).map((i) => (
              <tr key={i}>
                <th scope="row">{seen.words.rows[i]}</th>
                {range(column, columns).map((j) => (
                  <td key={j}>{exact(seen.data[i * seen.columns + j])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    />
  );
}
