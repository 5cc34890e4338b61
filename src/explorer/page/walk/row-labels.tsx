import { useEffect, useRef, useState } from 'preact/hooks';
import { station, walk } from './state.ts';

/** What the rows are, beside them: a patch is shown, too. The number under the cursor is told with the same words. */
export function RowLabels({ words, first, side }: { words: readonly string[]; first: number; side: number }) {
  return (
    <div class="labels" aria-hidden="true">
      <Patches first={first} count={words.length} side={side} />
      <ol>
        {words.map((word, i) => (
          <li key={first + i} style={{ height: `${side}px`, fontSize: `${Math.min(side, 13)}px` }} title={word}>
            {word.replace(/\b(patch|token) /, '')}
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The patches that rows stand for, cut from their pictures. */
function Patches({ first, count, side }: { first: number; count: number; side: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pictures = usePictures();
  const axes = station.value?.axes.map(({ name }) => name) ?? [];
  const rowsArePatches = axes.at(-2) === 'patch' || (axes.includes('row') && axes.at(-1) === 'channel');
  const { grid } = typeof walk.value === 'object' ? walk.value : { grid: 1 };
  const shown = rowsArePatches && pictures.length > 0 && count > 0;
  useEffect(() => {
    const context = shown ? canvas.current?.getContext('2d') : undefined;
    if (!context) return;
    for (let i = 0; i < count; i++) {
      const patch = (first + i) % (grid * grid * pictures.length);
      const picture = pictures[Math.floor(patch / (grid * grid))];
      const [row, column] = [Math.floor((patch % (grid * grid)) / grid), patch % grid];
      const { naturalWidth: width, naturalHeight: height } = picture;
      const cut = [(column * width) / grid, (row * height) / grid, width / grid, height / grid] as const;
      context.drawImage(picture, ...cut, 0, i * side, side, side);
    }
  }, [shown, pictures, first, count, side, grid]);
  return shown ? <canvas ref={canvas} width={side} height={count * side} /> : null;
}

/** The exchange's pictures, once they can be drawn. */
function usePictures(): readonly HTMLImageElement[] {
  const [loaded, setLoaded] = useState<readonly HTMLImageElement[]>([]);
  const pictures = typeof walk.value === 'object' ? walk.value.exchange.pictures : undefined;
  useEffect(() => {
    let wanted = true;
    const decoded = (pictures ?? []).map(async ({ address }) => {
      const image = new Image();
      image.src = address;
      await image.decode();
      return image;
    });
    // What cannot be drawn here has words.
    Promise.all(decoded).then(
      (images) => wanted && setLoaded(images),
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [pictures]);
  return loaded;
}
