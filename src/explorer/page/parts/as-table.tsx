import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Scrolls } from './scrolls.tsx';

/** What is shown as a picture, as a table: made when it is opened. */
export function AsTable(given: {
  readonly summary?: string;
  readonly label: string;
  readonly table: () => ComponentChildren;
}) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{given.summary ?? 'as a table'}</summary>
      {open && <Scrolls label={given.label}>{given.table()}</Scrolls>}
    </details>
  );
}
