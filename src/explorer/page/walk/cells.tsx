import { useLayoutEffect, useRef } from 'preact/hooks';
import type { ValuesResult } from '../../engine/values.ts';
import { drawCells, type Scale } from '../parts/scales.ts';
import { cell, cursor, open, type sizeOf } from './state.ts';
import { moved } from './window.ts';

export type At = { readonly row: number; readonly column: number };

/** A window into a tensor, and the colours that it is seen in. */
export type Seen = ValuesResult & { readonly scale: Scale };

/** The canvas has one pixel a cell; how large a cell is, is the style's. */
export function Cells({
  seen,
  at,
  size,
  side,
  name,
}: {
  seen: Seen;
  at: At;
  size: ReturnType<typeof sizeOf>;
  side: number;
  name: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => drawCells(canvas.current!, seen.data, seen.columns, seen.scale), [seen.data]);
  const place = (event: MouseEvent & { currentTarget: HTMLElement }): At => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const within = (pixels: number, from: number, count: number) =>
      from + Math.max(0, Math.min(count - 1, Math.floor(pixels / side)));
    return {
      row: within(event.clientY - top, seen.row, seen.rows),
      column: within(event.clientX - left, seen.column, seen.columns),
    };
  };
  return (
    <div
      class="cells"
      role="application"
      aria-roledescription="map"
      aria-label={`${name}: arrow keys go from cell to cell, Enter takes one apart`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: its cells are walked with the arrow keys
      tabIndex={0}
      style={{ width: `${seen.columns * side}px`, height: `${seen.rows * side}px` }}
      onPointerMove={(event) => {
        cursor.value = place(event);
      }}
      onClick={(event) => open({ station: name, ...place(event) })}
      onWheel={(event) => {
        const to = rolled(event, seen, size);
        if (!to) return;
        event.preventDefault();
        cursor.value = to;
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter') return open({ station: name, ...at });
        const to = moved(event.key, at, size, seen);
        if (!to) return;
        event.preventDefault();
        cursor.value = to;
      }}
    >
      <canvas ref={canvas} />
      <Mark at={at} seen={seen} side={side} kind="cursor" />
      {cell.value && <Mark at={cell.value} seen={seen} side={side} kind="opened" />}
    </div>
  );
}

/** A wheel moves the window by a quarter, across with the shift key; undefined at an end, where the page may go on instead. */
function rolled(
  { ctrlKey, shiftKey, deltaX, deltaY }: WheelEvent,
  seen: Seen,
  size: ReturnType<typeof sizeOf>,
): At | undefined {
  if (ctrlKey) return undefined;
  const [down, across] = shiftKey ? [0, deltaY || deltaX] : [deltaY, deltaX];
  const step = (by: number, from: number, count: number, all: number) =>
    by > 0 ? Math.min(all - 1, from + count - 1 + Math.ceil(count / 4)) : Math.max(0, from - Math.ceil(count / 4));
  if (Math.abs(down) >= Math.abs(across)) {
    if (down > 0 ? seen.row + seen.rows >= size.rows : seen.row === 0) return undefined;
    return { row: step(down, seen.row, seen.rows, size.rows), column: seen.column };
  }
  if (across > 0 ? seen.column + seen.columns >= size.columns : seen.column === 0) return undefined;
  return { row: seen.row, column: step(across, seen.column, seen.columns, size.columns) };
}

function Mark({ at, seen, side, kind }: { at: At; seen: Seen; side: number; kind: string }) {
  const [row, column] = [at.row - seen.row, at.column - seen.column];
  if (row < 0 || column < 0 || row >= seen.rows || column >= seen.columns) return null;
  const px = (value: number) => `${value * side}px`;
  return <span class={kind} style={{ left: px(column), top: px(row), width: px(1), height: px(1) }} />;
}
