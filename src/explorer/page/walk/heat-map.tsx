import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import '../parts/patch-map.css';
import type { Statistics } from '../../engine/statistics.ts';
import type { ValuesResult } from '../../engine/values.ts';
import { inAddress } from '../address.ts';
import { call } from '../engine.ts';
import { Legend } from '../parts/legend.tsx';
import { type Scale, shown } from '../parts/scales.ts';
import { useCalled } from '../parts/use-called.ts';
import { type At, Cells, type Seen } from './cells.tsx';
import { exact } from './numbers.ts';
import { RowLabels } from './row-labels.tsx';
import { cursor, sizeOf } from './state.ts';
import { Statistics as Numbers } from './statistics.tsx';
import { follow, type Stretch } from './window.ts';
import { WindowTable } from './window-table.tsx';

/** Pixels a side of a cell. */
const ZOOMS = ['4', '8', '12', '16', '24'];
const zoom = inAddress('zoom', '12');
const HEIGHT = 336;
/** From here on a row is high enough for words. */
const LABELLED = 12;
const LABELS = 136;

/**
 * The numbers of a tensor as colours, as much of it as there is room for; the rest comes when the cursor or the wheel goes there.
 *
 * @param number of the walk
 */
export function HeatMap({ name, shape, number }: { name: string; shape: readonly number[]; number: number }) {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(contentRect.width));
    observer.observe(frame.current!);
    return () => observer.disconnect();
  }, []);
  const size = sizeOf(shape);
  const side = Number(ZOOMS.includes(zoom.value) ? zoom.value : '12');
  const labelled = side >= LABELLED && width > 2 * LABELS;
  const stretches = useRef<{ name: string; rows: Stretch; columns: Stretch }>(undefined);
  const start = { from: 0, count: 1 };
  const before = stretches.current?.name === name ? stretches.current : { rows: start, columns: start };
  const at = {
    row: Math.min(cursor.value.row, size.rows - 1),
    column: Math.min(cursor.value.column, size.columns - 1),
  };
  const rows = follow(before.rows, at.row, Math.floor(HEIGHT / side), size.rows);
  const columns = follow(before.columns, at.column, Math.floor((width - (labelled ? LABELS : 0)) / side), size.columns);
  stretches.current = { name, rows, columns };
  const wanted = { station: name, row: rows.from, rows: rows.count, column: columns.from, columns: columns.count };
  const { result, error } = useCalled(JSON.stringify({ ...wanted, number }), async (signal) => {
    const values = await call('values', wanted, { signal });
    return { ...values, scale: scaleOf(values), of: name };
  });
  // Numbers of another tensor are never shown under this one's name.
  const seen = result?.of === name ? result : undefined;
  return (
    <figure class="heat-map" aria-label={`numbers of ${name}`}>
      <Zoom />
      <div class="frame" ref={frame} style={{ height: `${rows.count * side}px` }}>
        {labelled && <RowLabels words={seen?.words.rows ?? []} first={seen?.row ?? 0} side={side} />}
        {seen && <Cells seen={seen} at={at} size={size} side={side} name={name} />}
      </div>
      {error ? <p role="alert">{error}</p> : <Readout seen={seen} at={at} />}
      {seen && <Legend scale={seen.scale} unit={beyond(seen)} />}
      {seen && <WindowTable name={name} seen={seen} at={at} />}
      {seen?.statistics && <Numbers statistics={seen.statistics} />}
    </figure>
  );
}

function Zoom() {
  const at = Math.max(0, ZOOMS.indexOf(zoom.value));
  const button = (label: string, to: number) => (
    <button
      type="button"
      aria-label={label}
      disabled={ZOOMS[to] === undefined}
      onClick={() => {
        zoom.value = ZOOMS[to];
      }}
    >
      {to < at ? '−' : '+'}
    </button>
  );
  return (
    <p class="zoom">
      {button('smaller cells', at - 1)} {button('larger cells', at + 1)}
      <span class="note">arrow keys go from cell to cell, Enter or a click takes one apart</span>
    </p>
  );
}

/** The number under the cursor. */
function Readout({ seen, at }: { seen: Seen | undefined; at: At }) {
  const [row, column] = seen ? [at.row - seen.row, at.column - seen.column] : [-1, -1];
  const inside = seen && row >= 0 && column >= 0 && row < seen.rows && column < seen.columns;
  return (
    <output aria-live="polite">
      {inside
        ? `${seen.words.rows[row]}, ${seen.words.columns[column]}: ${exact(seen.data[row * seen.columns + column])}`
        : '…'}
    </output>
  );
}

/** What is nowhere negative begins at 0; the colours of anything else say its sign. Rare large numbers do not take them all. */
function scaleOf({ statistics, data }: ValuesResult): Scale {
  const { min, max, rms } = statistics ?? boundsOf(data);
  const high = Math.min(Math.max(Math.abs(min), Math.abs(max)), 4 * rms) || 1;
  return min >= 0 ? { kind: 'sequential', low: 0, high } : { kind: 'diverging', low: -high, high };
}

/** Of a weight that is too large to be read whole: what is seen of it. */
function boundsOf(data: Float32Array): Pick<Statistics, 'min' | 'max' | 'rms'> {
  let [min, max, squares] = [0, 0, 0];
  for (const value of data) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    squares += value * value;
  }
  return { min, max, rms: Math.sqrt(squares / data.length) };
}

function beyond({ scale, statistics }: Seen): string {
  if (!statistics) return '';
  const { min, max } = statistics;
  return Math.max(-min, max) > scale.high ? `and beyond, to ${shown(-min > max ? min : max)}` : '';
}
