import type { Cell } from '../../engine/cell/sum.ts';
import type { ShownTerms } from '../../engine/cell.ts';
import { shown } from '../parts/scales.ts';
import { exact } from './numbers.ts';
import { walkOn } from './state.ts';

/** Terms with the cells that they are made of, each a step on, and how far the sum is after each. */
export function TermTable({
  name,
  terms: { largest, others, value },
  from,
}: {
  name: string;
  terms: ShownTerms;
  from: Readonly<Record<string, string>>;
}) {
  if (largest.length === 0) return <p class="note">{name} has no terms: it is 0.</p>;
  const most = Math.max(...largest.map((term) => Math.abs(term.value))) || 1;
  let running = 0;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="scrolls terms" tabIndex={0} aria-label={`${name}, its terms`}>
      <table>
        <thead>
          <tr>
            <th scope="col">{others.count > 0 ? `the ${largest.length} largest terms` : 'term'}</th>
            <th scope="col">value</th>
            <th scope="col">sum so far</th>
          </tr>
        </thead>
        <tbody>
          {largest.map((term, i) => {
            running += term.value;
            return (
              <tr key={i}>
                <td class="factors">
                  {term.factor !== undefined && <span>{shown(term.factor)} · </span>}
                  {term.cells.map((cell, j) => (
                    <span key={cell.input}>
                      {j > 0 && ' · '}
                      <CellButton cell={cell} from={from[cell.input]} />
                    </span>
                  ))}
                </td>
                <td>
                  <meter min={0} max={most} value={Math.abs(term.value)} aria-hidden="true" /> {exact(term.value)}
                </td>
                <td>{exact(running)}</td>
              </tr>
            );
          })}
          {others.count > 0 && (
            <tr>
              <td class="factors">{others.count.toLocaleString('en')} others</td>
              <td>{exact(others.value)}</td>
              <td>{exact(value)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}

function CellButton({ cell: { input, row, column, value }, from }: { cell: Cell; from: string }) {
  return (
    <button
      type="button"
      title={`${from}, row ${row}, column ${column}`}
      onClick={() => walkOn({ station: from, row, column })}
    >
      {input}[{row}, {column}] {exact(value)}
    </button>
  );
}
