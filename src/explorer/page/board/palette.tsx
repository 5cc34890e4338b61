import { useSignal } from '@preact/signals';
import { COLOURS, SHAPES, THINGS } from '../../../data/world/things.ts';
import { drawingAddress } from './draw.ts';
import { MOST_ITEMS } from './items.ts';

/** What can be put on a board. */
export function Palette({ full, onTake }: { readonly full: boolean; onTake(kind: string): void }) {
  const colour = useSignal<string>(COLOURS[0].english);
  const button = (kind: string, label: string) => (
    <button
      key={kind}
      type="button"
      title={label}
      aria-label={`put a ${label} on the board`}
      disabled={full}
      onClick={() => onTake(kind)}
    >
      <img src={drawingAddress(kind)} alt="" width={28} height={28} decoding="async" />
    </button>
  );
  return (
    <>
      {full && <p class="note">A board holds {MOST_ITEMS} things: remove one first.</p>}
      <label>
        Shapes in{' '}
        <select
          value={colour.value}
          onChange={({ currentTarget }) => {
            colour.value = currentTarget.value;
          }}
        >
          {COLOURS.map(({ english }) => (
            <option key={english} value={english}>
              {english}
            </option>
          ))}
        </select>
      </label>
      <div class="palette">
        {SHAPES.map(({ english }) => button(`${colour.value}-${english}`, `${colour.value} ${english}`))}
      </div>
      <div class="palette things">{THINGS.map(({ slug, english }) => button(slug, english))}</div>
    </>
  );
}
