import './boxes.css';
import { parseGrounding, type Shape } from '../../../input/boxes/grounding.ts';
import type { ShownPicture } from '../pictures/shown.ts';

interface Drawn {
  readonly label: string;
  readonly shape: Shape;
}

/** Corners from the top left on, as the answer's thousandths. */
const cornersOf = (shape: Shape): string =>
  (shape.length === 2 ? [shape[0], [shape[1][0], shape[0][1]], shape[1], [shape[0][0], shape[1][1]]] : shape).join(' ');

/**
 * What an answer points at, drawn over a picture and as text. An answer does not say which picture it means: of several it is the
 * last, as with the original's `draw_bbox_on_latest_picture`.
 */
export function Boxes({ text, pictures }: { readonly text: string; readonly pictures: readonly ShownPicture[] }) {
  const { regions, problems } = parseGrounding(text);
  const drawn: readonly Drawn[] = regions.flatMap(({ ref, shapes }) =>
    shapes.map((shape) => ({ label: ref ?? '', shape })),
  );
  const picture = pictures.at(-1);
  if (!picture) return null;
  return (
    <section class="boxes" aria-label="Boxes">
      <figure>
        <img src={picture.address} alt={`${picture.name} with ${drawn.length === 1 ? 'a box' : 'boxes'}`} />
        <svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">
          {drawn.map(({ shape }, i) => (
            <g key={i}>
              <polygon class="edge" points={cornersOf(shape)} />
              <polygon points={cornersOf(shape)} />
            </g>
          ))}
        </svg>
        {drawn.map(({ label, shape }, i) => (
          <span
            key={i}
            class="label"
            aria-hidden="true"
            style={{ left: `${shape[0][0] / 10}%`, top: `${shape[0][1] / 10}%` }}
          >
            {label || i + 1}
          </span>
        ))}
      </figure>
      <ul>
        {drawn.map(({ label, shape }, i) => (
          <li key={i}>
            {label || i + 1}: {shape.map(([x, y]) => `(${x}, ${y})`).join(' – ')}{' '}
            <span class="note">thousandths of the width and the height</span>
          </li>
        ))}
        {problems.map(({ message }, i) => (
          <li key={`problem ${i}`} class="note">
            in the answer: {message}
          </li>
        ))}
      </ul>
      {pictures.length > 1 && <p class="note">drawn on the last of {pictures.length} pictures</p>}
    </section>
  );
}
