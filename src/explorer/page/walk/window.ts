/** A stretch of rows or columns that is seen. */
export interface Stretch {
  readonly from: number;
  readonly count: number;
}

/**
 * The stretch that is seen when the cursor must be in it: the one before, moved no farther than it must.
 *
 * @param room how many fit
 * @param size how many there are
 */
export function follow({ from }: Stretch, cursor: number, room: number, size: number): Stretch {
  const count = Math.max(1, Math.min(room, size));
  const moved = Math.min(cursor, Math.max(from, cursor - count + 1));
  return { from: Math.max(0, Math.min(moved, size - count)), count };
}

/** Where a key moves the cursor to; undefined for keys that do not. A page is what is seen. */
export function moved(
  key: string,
  { row, column }: { readonly row: number; readonly column: number },
  { rows, columns }: { readonly rows: number; readonly columns: number },
  page: { readonly rows: number; readonly columns: number },
): { row: number; column: number } | undefined {
  const to = (row: number, column: number) => ({
    row: Math.max(0, Math.min(rows - 1, row)),
    column: Math.max(0, Math.min(columns - 1, column)),
  });
  switch (key) {
    case 'ArrowLeft':
      return to(row, column - 1);
    case 'ArrowRight':
      return to(row, column + 1);
    case 'ArrowUp':
      return to(row - 1, column);
    case 'ArrowDown':
      return to(row + 1, column);
    case 'PageUp':
      return to(row - page.rows, column);
    case 'PageDown':
      return to(row + page.rows, column);
    case 'Home':
      return to(row, 0);
    case 'End':
      return to(row, columns - 1);
    default:
      return undefined;
  }
}
