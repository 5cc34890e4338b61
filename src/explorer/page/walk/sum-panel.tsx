import { useEffect, useRef } from 'preact/hooks';
import type { CellResult } from '../../engine/cell.ts';
import { call } from '../engine.ts';
import { useCalled } from '../parts/use-called.ts';
import { exact } from './numbers.ts';
import { Inline } from './prose.tsx';
import { firstSentence, operationOf } from './sources.ts';
import { type Place, station } from './state.ts';
import { TermTable } from './term-table.tsx';
import { Trail } from './trail.tsx';

/** A cell, and the sum that made it. */
export function SumPanel({ cell, number }: { cell: Place; number: number }) {
  const key = `${number} ${cell.station} ${cell.row},${cell.column}`;
  const { result, error, busy } = useCalled(key, (signal) => call('cell', cell, { signal }));
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that led here is gone: who used it is where it led. Who is on the map stays there.
  const before = useRef(key);
  useEffect(() => {
    if (before.current !== key && document.activeElement === document.body) heading.current?.focus();
    before.current = key;
  }, [key]);
  return (
    <section class="sum" aria-label="how the cell came about" aria-busy={busy}>
      <Trail />
      <h3 ref={heading} tabIndex={-1}>
        row {cell.row}, column {cell.column}
      </h3>
      {error && <p role="alert">{error}</p>}
      {!error && !busy && result && <Taken result={result} />}
    </section>
  );
}

function Taken({ result: { value, words, sum } }: { result: CellResult }) {
  const operation = station.value?.made && operationOf(station.value.made.operation);
  return (
    <>
      <p>
        {words}: <output>{exact(value)}</output>
      </p>
      {sum ? (
        <>
          {operation && (
            <p class="formula">
              <Inline text={firstSentence(operation.comment)} />
            </p>
          )}
          {sum.steps.map((step) => (
            <Step key={step.name} step={step} from={sum.from} />
          ))}
          <TermTable name="The sum" terms={sum.terms} from={sum.from} />
          <Difference value={value} sum={sum} />
        </>
      ) : (
        <p class="note">No operation made it: it is where the walk ends.</p>
      )}
    </>
  );
}

type Sum = NonNullable<CellResult['sum']>;

function Step({ step: { name, value, terms }, from }: { step: Sum['steps'][number]; from: Sum['from'] }) {
  const line = (
    <>
      <code>{name}</code> = {exact(value)}
    </>
  );
  if (!terms) return <p class="step">{line}</p>;
  return (
    <details class="step">
      <summary>{line}</summary>
      <TermTable name={name} terms={terms} from={from} />
    </details>
  );
}

/** The unit in which rounding is told: half of float32's last place, of the terms without their signs. */
const UNIT = 2 ** -24;

function Difference({ value, sum: { terms, scale } }: { value: number; sum: Sum }) {
  const apart = value - terms.value;
  const units = apart === 0 ? 0 : Math.abs(apart) / (UNIT * scale);
  return (
    <p class="difference">
      In float64 the sum is <strong>{exact(terms.value)}</strong>, the device has <strong>{exact(value)}</strong>
      {apart === 0 ? ': the same.' : `: ${units.toPrecision(2)} × float32’s rounding of its terms apart.`}
    </p>
  );
}
