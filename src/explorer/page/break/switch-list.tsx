import type { Breakable, Thrown } from '../../engine/broken/break.ts';
import type { Looking } from '../look/looking.ts';
import { off, textOf } from './state.ts';

/** Everything that can be switched, several at once. */
export function SwitchList({
  switches,
  thrown,
  looking,
}: {
  switches: readonly Breakable[];
  thrown: readonly Thrown[];
  looking: Looking;
}) {
  const set = (name: string, next: Thrown | undefined) => {
    const others = thrown.filter((each) => each.name !== name);
    off.value = textOf(next ? [...others, next] : others);
  };
  return (
    <fieldset class="switches">
      <legend>Switches</legend>
      {switches.map((each) => {
        const { name, title, says, of, pictures = 0 } = each;
        const on = thrown.find((one) => one.name === name);
        const missing = looking.pictures.length < pictures;
        return (
          <div key={name}>
            <label>
              <input
                type="checkbox"
                checked={on !== undefined}
                disabled={missing}
                aria-describedby={`says-${name}`}
                onChange={({ currentTarget: { checked } }) =>
                  set(name, checked ? { name, ...(of ? { block: 0, head: 0 } : {}) } : undefined)
                }
              />{' '}
              {title}
            </label>
            {of && on && (
              <HeadChoice thrown={on} title={title} counts={looking.model[of]} onChange={(next) => set(name, next)} />
            )}
            <p class="note" id={`says-${name}`}>
              {says}
              {missing && ` Ask about ${pictures} pictures first.`}
            </p>
          </div>
        );
      })}
    </fieldset>
  );
}

/** Which head of which block. */
function HeadChoice({
  thrown,
  title,
  counts,
  onChange,
}: {
  thrown: Thrown;
  title: string;
  counts: { readonly layers: number; readonly heads: number };
  onChange: (thrown: Thrown) => void;
}) {
  const { block = 0, head = 0 } = thrown;
  const choice = (label: string, value: number, count: number, change: (to: number) => Thrown) => (
    <label>
      {label}{' '}
      <select
        aria-label={`${title}: ${label}`}
        value={String(value)}
        onChange={({ currentTarget }) => onChange(change(Number(currentTarget.value)))}
      >
        {Array.from({ length: count }, (_, i) => (
          <option key={i} value={String(i)}>
            {i}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <span class="choices">
      {choice('block', block, counts.layers, (to) => ({ ...thrown, block: to }))}
      {choice('head', head, counts.heads, (to) => ({ ...thrown, head: to }))}
    </span>
  );
}
