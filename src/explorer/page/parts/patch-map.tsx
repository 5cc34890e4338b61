import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import './patch-map.css';
import { AsTable } from './as-table.tsx';
import { Legend } from './legend.tsx';
import { drawCells, type Scale, shown } from './scales.ts';

export interface PatchMapProps {
  /** What it shows. */
  readonly name: string;
  /** A number a cell, row by row. */
  readonly values: Float32Array;
  readonly columns: number;
  readonly scale: Scale;
  readonly unit: string;
  /** What lies below, as an `img` has it. */
  readonly picture?: string | undefined;
  /** It is a square of maps, so many a side. */
  readonly tiles?: number;
  /** What a cell is called; by default its row and column. */
  readonly cell?: (index: number) => string;
  /** A cell that was chosen, and what choosing another does: a click, or Enter. */
  readonly chosen?: number | undefined;
  readonly onChoose?: ((index: number) => void) | undefined;
}

/** Numbers over a picture: colours, and each number by pointer, keyboard and as a table. */
export function PatchMap({
  name,
  values,
  columns,
  scale,
  unit,
  picture,
  tiles,
  cell,
  chosen,
  onChoose,
}: PatchMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [at, setAt] = useState<number>();
  const [strength, setStrength] = useState(0.6);
  const rows = values.length / columns;
  const words = cell ?? ((index: number) => rowAndColumn(index, columns));
  useLayoutEffect(() => drawCells(canvas.current!, values, columns, scale), [values, columns, scale]);
  const read = [at, chosen].find((index) => index !== undefined && index < values.length); // there may be fewer now
  return (
    <figure class="patch-map">
      <figcaption>{name}</figcaption>
      <div
        class="cells"
        role="application"
        aria-roledescription="map"
        aria-label={`${name}: arrow keys go from cell to cell${onChoose ? ', Enter chooses' : ''}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its cells are walked with the arrow keys
        tabIndex={0}
        style={{ aspectRatio: `${columns} / ${rows}` }}
        onPointerMove={(event) => setAt(cellUnder(event, columns, rows))}
        onPointerLeave={() => setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onClick={(event) => {
          const touched = cellUnder(event, columns, rows);
          setAt(touched); // a finger has left already
          onChoose?.(touched);
        }}
        onKeyDown={(event) => {
          const from = read ?? 0;
          if (event.key === 'Enter' && onChoose) onChoose(from);
          const to =
            read === undefined && event.key.startsWith('Arrow') ? 0 : neighbour(event.key, from, columns, rows);
          if (to === undefined) return;
          event.preventDefault();
          setAt(to);
        }}
      >
        {picture && <img src={picture} alt="" />}
        <canvas ref={canvas} style={{ opacity: picture ? strength : 1 }} />
        {tiles && <span class="tiles" style={{ backgroundSize: `${100 / tiles}% ${100 / tiles}%` }} />}
        {read !== undefined && <span class="cursor" style={placeOf(read, columns, rows)} />}
      </div>
      <output aria-live="polite">{read === undefined ? ' ' : `${words(read)}: ${shown(values[read])}`}</output>
      <Legend scale={scale} unit={unit} />
      {picture && (
        <label class="strength">
          Colours over the picture{' '}
          <input
            type="range"
            min="0"
            max="1"
            step="0.05"
            value={strength}
            onInput={({ currentTarget }) => setStrength(Number(currentTarget.value))}
          />
        </label>
      )}
      <CellTable name={name} values={values} columns={columns} />
    </figure>
  );
}

/** The same numbers as a table, made when it is opened. */
function CellTable({ name, values, columns }: Pick<PatchMapProps, 'name' | 'values' | 'columns'>) {
  const rows = Array.from({ length: values.length / columns }, (_, row) => row);
  return (
    <AsTable
      label={`${name}, table`}
      table={() => (
        <table>
          <caption>{name}</caption>
          <thead>
            <tr>
              <td />
              {Array.from({ length: columns }, (_, column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row}>
                <th scope="row">{row}</th>
                {Array.from(values.subarray(row * columns, (row + 1) * columns), (value, column) => (
                  <td key={column}>{shown(value)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    />
  );
}

export const rowAndColumn = (index: number, columns: number): string =>
  `row ${Math.floor(index / columns)}, column ${index % columns}`;

/** The cell that an arrow key leads to, undefined for other keys; the edge stops it. */
export function neighbour(key: string, from: number, columns: number, rows: number): number | undefined {
  const [row, column] = [Math.floor(from / columns), from % columns];
  if (key === 'ArrowLeft') return column > 0 ? from - 1 : from;
  if (key === 'ArrowRight') return column < columns - 1 ? from + 1 : from;
  if (key === 'ArrowUp') return row > 0 ? from - columns : from;
  if (key === 'ArrowDown') return row < rows - 1 ? from + columns : from;
  return undefined;
}

export function cellUnder(event: MouseEvent & { currentTarget: HTMLElement }, columns: number, rows: number): number {
  const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
  const within = (share: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return within((event.clientY - top) / height, rows) * columns + within((event.clientX - left) / width, columns);
}

/** Where a cell lies, in percent. */
export const placeOf = (index: number, columns: number, rows: number) => ({
  left: `${((index % columns) / columns) * 100}%`,
  top: `${(Math.floor(index / columns) / rows) * 100}%`,
  width: `${100 / columns}%`,
  height: `${100 / rows}%`,
});
