import './board.css';
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { THINGS } from '../../../data/world/things.ts';
import { BoardItemButton } from './item.tsx';
import { type BoardItem, boardName, MOST_ITEMS, parseBoard, placed } from './items.ts';
import { Palette } from './palette.tsx';

/**
 * A board on which drawn things and shapes are put, moved and made larger, by pointer or keyboard.
 *
 * @param name as the address has it
 * @param onChange told its next name
 */
export function Board({ name, onChange }: { readonly name: string; onChange(name: string): void }) {
  const items = parseBoard(name);
  const chosen = useSignal(0);
  const index = Math.min(chosen.value, items.length - 1);
  const change = (next: readonly BoardItem[]) => onChange(boardName(next));
  const put = (at: number, item: BoardItem) => change(items.with(at, placed(item)));
  const ground = useRef<HTMLDivElement>(null);
  /** Keys go on with the one before, or with the whole board. */
  const remove = (at: number) => {
    chosen.value = Math.max(0, at - 1);
    const others = ground.current!.querySelectorAll<HTMLElement>('.item');
    (others[at - 1] ?? others[at + 1] ?? ground.current!).focus();
    change(items.toSpliced(at, 1));
  };
  const resize = (by: number) => put(index, { ...items[index], size: items[index].size + by });
  return (
    <section class="board" aria-label="Board">
      <div class="ground" ref={ground} tabIndex={-1}>
        {items.map((item, i) => (
          <BoardItemButton
            key={`${i} ${item.kind}`}
            {...{ item, chosen: i === index }}
            onChoose={() => {
              chosen.value = i;
            }}
            onPut={(next) => put(i, next)}
            onRemove={() => remove(i)}
          />
        ))}
      </div>
      <div class="tools">
        <p class="note">
          Drag things, or choose one and press arrows (with Shift for small steps), + and − for its size, Delete.
        </p>
        <div class="row">
          <button type="button" disabled={index < 0} onClick={() => resize(50)}>
            Larger
          </button>
          <button type="button" disabled={index < 0} onClick={() => resize(-50)}>
            Smaller
          </button>
          <button type="button" disabled={index < 0} onClick={() => remove(index)}>
            Remove
          </button>
          <button type="button" disabled={index < 0} onClick={() => change([])}>
            Clear
          </button>
        </div>
        <Palette
          full={items.length >= MOST_ITEMS}
          onTake={(kind) => {
            chosen.value = items.length;
            // Each next to the one before, so that none hides another.
            const step = (items.length * 170) % 800;
            change([...items, { kind, x: 250 + (step % 510), y: 300 + ((items.length * 90) % 450), size: 300 }]);
          }}
        />
        <p class="note">{THINGS.length} drawings of Noto Emoji, by Google, Apache-2.0.</p>
      </div>
    </section>
  );
}
