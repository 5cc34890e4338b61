import { kept } from '../offline.ts';

/** Whether the page works without a network from now on. */
export function OfflineNote() {
  const { value } = kept;
  if (value === undefined) return null;
  return (
    <footer>
      <p class="note" role="status">
        {value === true ? 'Kept in this browser: works without a network.' : `Works with a network only: ${value}.`}
      </p>
    </footer>
  );
}
