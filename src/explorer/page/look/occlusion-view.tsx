import { useEffect } from 'preact/hooks';
import { numberIn } from '../parts/choice.tsx';
import { PatchMap } from '../parts/patch-map.tsx';
import { diverging } from '../parts/scales.ts';
import { chosenPicture } from './attended.ts';
import { HideView } from './hide-view.tsx';
import type { Looking } from './looking.ts';
import { occludePicture, occlusion, stopOccluding } from './occluding.ts';
import { AttendedMap, useAttendedPatches } from './picture-view.tsx';
import { against, tiles } from './state.ts';
import { chosenToken, visible } from './tokens.tsx';
import { View } from './view.tsx';

/** How many tiles a side can be chosen: halves, down to single patches. */
export const sidesOf = (grid: number): number[] => [...new Set([2, 4, 8, 16, grid])].filter((side) => side <= grid);

/** What hiding parts of the picture does to the answer. */
export function OcclusionView({ looking }: { looking: Looking }) {
  const picture = chosenPicture(looking);
  const sides = sidesOf(looking.model.grid);
  const side = sides.find((each) => String(each) === tiles.value) ?? sides[Math.min(1, sides.length - 1)];
  const attended = useAttendedPatches(looking);
  useEffect(() => stopOccluding, []);
  const known = occlusion.value;
  const found = known?.looking === looking && known.picture === picture && known.side === side ? known : undefined;
  return (
    <View busy={found?.stop !== undefined || attended.busy} error={found?.error ?? attended.error}>
      <p>
        Tile by tile the picture loses a part to one mean colour, and the model runs again. Blue: without the tile the
        token is less likely, so the tile spoke for it. Orange: it spoke against it.
      </p>
      <div class="choices">
        <label>
          Tiles{' '}
          <select
            value={String(side)}
            onChange={({ currentTarget }) => {
              tiles.value = currentTarget.value;
            }}
          >
            {sides.map((each) => (
              <option key={each} value={String(each)}>
                {each} × {each}
              </option>
            ))}
          </select>
        </label>
        {found?.stop ? (
          <button type="button" onClick={stopOccluding}>
            Stop
          </button>
        ) : (
          <button type="button" onClick={() => void occludePicture(looking, picture, side)}>
            Hide tile by tile
          </button>
        )}
        {found && (
          <label>
            {found.done} of {side ** 2} tiles <progress value={found.done} max={side ** 2} />
          </label>
        )}
      </div>
      <div class="beside">
        {found && found.done > 0 && <Changes looking={looking} picture={picture} side={side} changes={found.changes} />}
        {attended.values && <AttendedMap looking={looking} values={attended.values} />}
      </div>
      <HideView looking={looking} picture={picture} />
    </View>
  );
}

function Changes({
  looking,
  picture,
  side,
  changes,
}: {
  looking: Looking;
  picture: number;
  side: number;
  changes: Float32Array;
}) {
  const n = looking.answer.length;
  const token = chosenToken(looking);
  const minus = numberIn(against.value, n);
  const values = Float32Array.from({ length: side ** 2 }, (_, tile) => {
    const change = changes[tile * n + token];
    return minus === undefined ? change : change - changes[tile * n + minus];
  });
  const name = `Change of the log-probability of “${visible(looking.answer[token])}”`;
  return (
    <PatchMap
      name={minus === undefined ? name : `${name} minus that of “${visible(looking.answer[minus])}”`}
      values={values}
      columns={side}
      scale={diverging(values)}
      unit="nats"
      picture={looking.addresses[picture]}
      cell={(index) => `without the tile in row ${Math.floor(index / side)}, column ${index % side}`}
    />
  );
}
