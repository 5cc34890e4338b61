import type { Signal } from '@preact/signals';

/** What a text of the address says: a whole number below a count; undefined where it says anything else. */
export function numberIn(text: string, count: number): number | undefined {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return number < count ? number : undefined;
}

/** A choice of one of so many, or of none of them. @param none what that is called; undefined: one must be chosen, the first by default */
export function Choice({
  label,
  state,
  count,
  none,
  word = String,
}: {
  label: string;
  state: Signal<string>;
  count: number;
  none?: string;
  word?: (index: number) => string;
}) {
  const chosen = numberIn(state.value, count) ?? (none === undefined ? 0 : undefined);
  return (
    <label>
      {label}{' '}
      <select
        value={chosen === undefined ? '' : String(chosen)}
        onChange={({ currentTarget }) => {
          state.value = currentTarget.value;
        }}
      >
        {none !== undefined && <option value="">{none}</option>}
        {Array.from({ length: count }, (_, i) => (
          <option key={i} value={String(i)}>
            {word(i)}
          </option>
        ))}
      </select>
    </label>
  );
}
