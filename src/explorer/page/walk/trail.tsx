import { trail, walkBack } from './state.ts';

/** The way that led to a cell, and back along it. */
export function Trail() {
  if (trail.value.length === 0) return null;
  return (
    <nav class="trail" aria-label="Trail">
      <button type="button" onClick={() => walkBack(trail.value.length - 1)}>
        Back
      </button>
      <ol>
        {trail.value.map(({ station, row, column }, i) => (
          <li key={`${i} ${station}`}>
            <button type="button" onClick={() => walkBack(i)}>
              {station} [{row}, {column}]
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}
