import { Choice, numberIn } from '../parts/choice.tsx';
import { PatchMap } from '../parts/patch-map.tsx';
import { diverging, sequential, shown } from '../parts/scales.ts';
import { adapterHeads, adapterRows, chosenPicture, held, subtracted, useEncoderRows, useReadings } from './attended.ts';
import type { Looking } from './looking.ts';
import { sum, through } from './maps.ts';
import { adapterHead, block, blockHead } from './state.ts';
import { View } from './view.tsx';

/** From the token through the adapter's rows to the patches, and if wanted through a block of the vision encoder. */
export function PictureView({ looking }: { looking: Looking }) {
  const { values, busy, error } = useAttendedPatches(looking);
  const { vision } = looking.model;
  return (
    <View busy={busy} error={error}>
      <div class="choices">
        <Choice label="Adapter head" state={adapterHead} count={adapterHeads(looking)} none="mean" />
        <Choice label="Encoder block" state={block} count={vision.layers} none="left out" />
        {numberIn(block.value, vision.layers) !== undefined && (
          <Choice label="Encoder head" state={blockHead} count={vision.heads} none="mean" />
        )}
      </div>
      {values && (
        <>
          <AttendedMap looking={looking} values={values} />
          <p>
            {subtracted(looking) ? 'More than the other token by ' : 'Of all that it read '}
            <strong>{shown(sum(values))}</strong>
            {subtracted(looking) ? ' in this picture.' : ' lay in this picture.'}
          </p>
        </>
      )}
    </View>
  );
}

/** How much the chosen token read of each patch: `[L]`. */
export function useAttendedPatches(looking: Looking) {
  const picture = chosenPicture(looking);
  const readings = useReadings(looking);
  const encoder = useEncoderRows(looking, picture);
  const { first } = looking.pictures[picture];
  const rows = readings.result && held(readings.result).subarray(first, first + looking.model.queries ** 2);
  const patches = rows && through(rows, adapterRows(looking, picture));
  return {
    values: patches && encoder.result ? through(patches, encoder.result) : patches,
    busy: readings.busy || encoder.busy,
    error: readings.error ?? encoder.error,
  };
}

/** The same over the picture. */
export function AttendedMap({ looking, values }: { looking: Looking; values: Float32Array }) {
  const signed = subtracted(looking);
  return (
    <PatchMap
      name="Where it looked"
      values={values}
      columns={looking.model.grid}
      scale={(signed ? diverging : sequential)(values)}
      unit={signed ? 'more than the other token' : 'of what it read'}
      picture={looking.addresses[chosenPicture(looking)]}
    />
  );
}
