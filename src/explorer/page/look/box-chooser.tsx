import { useState } from 'preact/hooks';
import { cellUnder, neighbour, placeOf, rowAndColumn } from '../parts/patch-map.tsx';

/** Patches chosen by drawing boxes: with the pointer, or by arrow keys with Space, and with Shift for a box. */
export function BoxChooser({
  picture,
  grid,
  patches,
  onChange,
}: {
  picture: string;
  grid: number;
  patches: readonly number[];
  onChange: (patches: readonly number[]) => void;
}) {
  const [at, setAt] = useState<number>();
  /** Where a box was begun that is not drawn to its end. */
  const [from, setFrom] = useState<number>();
  const box = from === undefined || at === undefined ? [] : boxOf(from, at, grid);
  const marked = new Set([...patches, ...box]);
  const add = () => {
    onChange([...marked]);
    setFrom(undefined);
  };
  return (
    <figure class="patch-map">
      <div
        class="cells boxes"
        role="application"
        aria-roledescription="map"
        aria-label="Patches: arrow keys go from patch to patch, Space hides or shows one, Shift and arrow keys draw a box"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its cells are walked with the arrow keys
        tabIndex={0}
        style={{ aspectRatio: '1' }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const cell = cellUnder(event, grid, grid);
          setFrom(cell);
          setAt(cell);
        }}
        onPointerMove={(event) => setAt(cellUnder(event, grid, grid))}
        onPointerUp={() => {
          if (from === at && at !== undefined && patches.includes(at)) {
            onChange(patches.filter((patch) => patch !== at));
            setFrom(undefined);
          } else add();
        }}
        onPointerCancel={() => setFrom(undefined)}
        onKeyDown={(event) => {
          const now = at ?? 0;
          const to = at === undefined && event.key.startsWith('Arrow') ? 0 : neighbour(event.key, now, grid, grid);
          if (to !== undefined) {
            event.preventDefault();
            if (event.shiftKey && from === undefined) setFrom(now);
            setAt(to);
          } else if (event.key === ' ') {
            event.preventDefault();
            setAt(now);
            onChange(patches.includes(now) ? patches.filter((patch) => patch !== now) : [...patches, now]);
          } else if (event.key === 'Escape') setFrom(undefined);
        }}
        onKeyUp={(event) => {
          if (event.key === 'Shift' && from !== undefined) add();
        }}
        onBlur={() => {
          setAt(undefined);
          setFrom(undefined);
        }}
      >
        <img src={picture} alt="" draggable={false} />
        {rowsOf(marked, grid).map(({ start, count }) => (
          <span
            key={start}
            class="hidden-patches"
            style={{ ...placeOf(start, grid, grid), width: `${(count / grid) * 100}%` }}
          />
        ))}
        {at !== undefined && <span class="cursor" style={placeOf(at, grid, grid)} />}
      </div>
      <output aria-live="polite">
        {at === undefined ? ' ' : `patch in ${rowAndColumn(at, grid)}${marked.has(at) ? ', hidden' : ''}; `}
        {marked.size} hidden
      </output>
    </figure>
  );
}

/** All patches of a box by two of its corners. */
function boxOf(a: number, b: number, grid: number): number[] {
  const [rows, columns] = [
    [Math.floor(a / grid), Math.floor(b / grid)],
    [a % grid, b % grid],
  ].map((ends) => [Math.min(...ends), Math.max(...ends)]);
  const found: number[] = [];
  for (let row = rows[0]; row <= rows[1]; row++) {
    for (let column = columns[0]; column <= columns[1]; column++) found.push(row * grid + column);
  }
  return found;
}

/** Patches side by side as one stretch. */
function rowsOf(patches: ReadonlySet<number>, grid: number): { start: number; count: number }[] {
  const stretches: { start: number; count: number }[] = [];
  for (const patch of [...patches].sort((a, b) => a - b)) {
    const last = stretches.at(-1);
    if (last && last.start + last.count === patch && patch % grid !== 0) last.count++;
    else stretches.push({ start: patch, count: 1 });
  }
  return stretches;
}
