import type { Broken } from '../../engine/broken/break.ts';
import { AsTable } from '../parts/as-table.tsx';
import { shown } from '../parts/scales.ts';

/** Decades of the scale. What is beyond lies on its edge; what is exactly equal, below it. */
const LOW = -14;
const HIGH = 2;
const EQUAL = LOW - 1.5;
const WIDTH = 600;
const HEIGHT = 170;
const LEFT = 40;
const TOP = 8;

/** How far every activation of the broken model is from the sound one's, by depth. */
export function ErrorChart({ taps }: Pick<Broken, 'taps'>) {
  const at = (index: number) => LEFT + ((index + 0.5) / taps.length) * (WIDTH - LEFT);
  const height = (decade: number) => TOP + ((HIGH - decade) / (HIGH - LOW + 2)) * (HEIGHT - TOP);
  const heightOf = (nmse: number) =>
    height(nmse === 0 ? EQUAL : Math.min(HIGH, Math.max(LOW, Math.log10(nmse) || LOW)));
  const path = taps.flatMap(({ nmse }, i) =>
    nmse === undefined ? [] : [`${at(i).toFixed(1)} ${heightOf(nmse).toFixed(1)}`],
  );
  const first = firstOff(taps);
  return (
    <figure class="errors">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label="The error of every activation, by depth">
        {[HIGH, -2, -6, -10, LOW].map((decade) => (
          <g key={decade}>
            <path class="grid" d={`M${LEFT} ${height(decade)}H${WIDTH}`} />
            <text x="0" y={height(decade) + 4}>
              {decade === 0 ? '1' : `1e${decade}`}
            </text>
          </g>
        ))}
        <text x="0" y={height(EQUAL) + 4}>
          equal
        </text>
        {first >= 0 && <path class="first" d={`M${at(first)} ${TOP}V${HEIGHT}`} />}
        <path class="line" d={`M${path.join('L')}`} />
      </svg>
      <figcaption>
        NMSE of every activation of the prompt against the model as it is, from the pixels on the left to the scores on
        the right.
      </figcaption>
      <AsTable
        label="Errors, table"
        table={() => (
          <table>
            <thead>
              <tr>
                <th scope="col">activation</th>
                <th scope="col">NMSE</th>
              </tr>
            </thead>
            <tbody>
              {taps.map(({ name, nmse }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{nmse === undefined ? 'not there' : shown(nmse)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      />
    </figure>
  );
}

/** The place of the first activation that is not the same to the bit, −1 where all are. */
export const firstOff = (taps: Broken['taps']): number => taps.findIndex(({ nmse }) => nmse !== 0);
