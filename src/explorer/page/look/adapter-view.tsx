import { Choice, numberIn } from '../parts/choice.tsx';
import { PatchMap, rowAndColumn } from '../parts/patch-map.tsx';
import { sequential } from '../parts/scales.ts';
import { adapterHeads, adapterRows, chosenPicture } from './attended.ts';
import type { Looking } from './looking.ts';
import { adapterHead, row } from './state.ts';
import { View } from './view.tsx';

/** Which patches each of the adapter's rows read: a small map each, and the chosen one over the picture. */
export function AdapterView({ looking }: { looking: Looking }) {
  const picture = chosenPicture(looking);
  const { grid, queries } = looking.model;
  const rows = adapterRows(looking, picture);
  const chosen = numberIn(row.value, queries ** 2) ?? 0;
  const L = grid ** 2;
  const one = rows.subarray(chosen * L, (chosen + 1) * L);
  const whole = rows.map((_, at) => rows[fromTile(at, grid, queries)]);
  return (
    <View busy={false} error={undefined}>
      <div class="choices">
        <Choice label="Adapter head" state={adapterHead} count={adapterHeads(looking)} none="mean" />
        <Choice label="Row" state={row} count={queries ** 2} />
      </div>
      <div class="beside">
        <PatchMap
          name="All rows of the adapter"
          values={whole}
          columns={queries * grid}
          scale={sequential(rows)}
          unit="of what a row read"
          tiles={queries}
          cell={(index) => {
            const at = fromTile(index, grid, queries);
            return `row ${Math.floor(at / L)} of the adapter, patch ${rowAndColumn(at % L, grid)}`;
          }}
          onChoose={(index) => {
            row.value = String(Math.floor(fromTile(index, grid, queries) / L));
          }}
        />
        <PatchMap
          name={`What row ${chosen} of the adapter read`}
          values={one}
          columns={grid}
          scale={sequential(one)}
          unit="of what it read"
          picture={looking.addresses[picture]}
        />
      </div>
    </View>
  );
}

/** Where in `[Q, L]` an element stands that is drawn at a place of a square of maps. */
function fromTile(at: number, grid: number, queries: number): number {
  const [y, x] = [Math.floor(at / (queries * grid)), at % (queries * grid)];
  const tile = Math.floor(y / grid) * queries + Math.floor(x / grid);
  return tile * grid ** 2 + (y % grid) * grid + (x % grid);
}
