import type { TargetedPointerEvent } from 'preact';
import { useRef } from 'preact/hooks';
import { drawingAddress } from './draw.ts';
import { type BoardItem, LABELS } from './items.ts';

interface Properties {
  readonly item: BoardItem;
  readonly chosen: boolean;
  onChoose(): void;
  /** Told where it is now. */
  onPut(item: BoardItem): void;
  onRemove(): void;
}

/** What a key does to an item; undefined for others. */
function keyed({ x, y, size, kind }: BoardItem, key: string, step: number): BoardItem | undefined {
  if (key === 'ArrowLeft') return { kind, x: x - step, y, size };
  if (key === 'ArrowRight') return { kind, x: x + step, y, size };
  if (key === 'ArrowUp') return { kind, x, y: y - step, size };
  if (key === 'ArrowDown') return { kind, x, y: y + step, size };
  if (key === '+' || key === '=') return { kind, x, y, size: size + step };
  return key === '-' ? { kind, x, y, size: size - step } : undefined;
}

type PointerOn = TargetedPointerEvent<HTMLButtonElement>;

/** An item on the board: dragged, or moved by keys. */
export function BoardItemButton({ item, chosen, onChoose, onPut, onRemove }: Properties) {
  const { kind, x, y, size } = item;
  const percent = (value: number) => `${value / 10}%`;
  /** Where it was taken hold of, from its middle. */
  const held = useRef([0, 0]);
  const fromMiddle = ({ currentTarget, clientX, clientY }: PointerOn) => {
    const { left, top, width, height } = currentTarget.parentElement!.getBoundingClientRect();
    return [((clientX - left) * 1000) / width - x, ((clientY - top) * 1000) / height - y];
  };
  return (
    <button
      type="button"
      class="item"
      style={{ left: percent(x - size / 2), top: percent(y - size / 2), width: percent(size) }}
      aria-label={`${LABELS.get(kind)}, middle at ${x}, ${y}, size ${size}`}
      aria-pressed={chosen}
      onFocus={onChoose}
      onPointerDown={(event: PointerOn) => {
        event.currentTarget.focus(); // which Safari does not do by itself
        event.currentTarget.setPointerCapture(event.pointerId);
        held.current = fromMiddle(event);
      }}
      onPointerMove={(event: PointerOn) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
        const [right, down] = fromMiddle(event);
        onPut({ ...item, x: x + right - held.current[0], y: y + down - held.current[1] });
      }}
      onKeyDown={(event) => {
        const next = keyed(item, event.key, event.shiftKey ? 5 : 20);
        if (next) onPut(next);
        else if (event.key === 'Delete' || event.key === 'Backspace') onRemove();
        else return;
        event.preventDefault();
      }}
    >
      <img src={drawingAddress(kind)} alt="" draggable={false} />
    </button>
  );
}
