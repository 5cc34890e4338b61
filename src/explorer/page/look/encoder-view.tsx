import { Choice, numberIn } from '../parts/choice.tsx';
import { PatchMap, rowAndColumn } from '../parts/patch-map.tsx';
import { sequential } from '../parts/scales.ts';
import { chosenPicture, useEncoderRows } from './attended.ts';
import type { Looking } from './looking.ts';
import { block, blockHead, patch } from './state.ts';
import { View } from './view.tsx';

/** Which patches one patch read in a block of the vision encoder: touch another one. */
export function EncoderView({ looking }: { looking: Looking }) {
  const picture = chosenPicture(looking);
  const { grid, vision } = looking.model;
  const { result, busy, error } = useEncoderRows(looking, picture, 0);
  const L = grid ** 2;
  const chosen = numberIn(patch.value, L) ?? 0;
  const values = result?.subarray(chosen * L, (chosen + 1) * L);
  return (
    <View busy={busy} error={error}>
      <div class="choices">
        <Choice label="Encoder block" state={block} count={vision.layers} />
        <Choice label="Encoder head" state={blockHead} count={vision.heads} none="mean" />
      </div>
      {values && (
        <PatchMap
          name={`What the patch in ${rowAndColumn(chosen, grid)} read`}
          values={values}
          columns={grid}
          scale={sequential(values)}
          unit="of what it read"
          picture={looking.addresses[picture]}
          chosen={chosen}
          onChoose={(index) => {
            patch.value = String(index);
          }}
        />
      )}
    </View>
  );
}
