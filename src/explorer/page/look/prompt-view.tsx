import { PatchMap } from '../parts/patch-map.tsx';
import { diverging, sequential, shown } from '../parts/scales.ts';
import { held, useReadings } from './attended.ts';
import type { Looking } from './looking.ts';
import { row, view } from './state.ts';
import { visible } from './tokens.tsx';
import { View } from './view.tsx';

/** What the token read of the whole prompt, and of the answer before it: text token by token, a picture's rows as a map. */
export function PromptView({ looking }: { looking: Looking }) {
  const { prompt, answer, pictures, model } = looking;
  const Q = model.queries ** 2;
  const { result, busy, error } = useReadings(looking);
  const read = result && held(result);
  const scale = (values: Float32Array) => (result!.length > 1 ? diverging : sequential)(values);
  const largest = read?.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const inPicture = (at: number) => pictures.findIndex(({ first }) => at >= first && at < first + Q);
  return (
    <View busy={busy} error={error}>
      {read && (
        <ol class="strip">
          {Array.from(read, (value, at) => {
            const picture = inPicture(at);
            if (picture < 0) {
              return (
                <li key={at} style={{ '--share': Math.abs(value) / largest }} class={value < 0 ? 'less' : undefined}>
                  <span class="text">{visible([...prompt, ...answer][at])}</span> {shown(value)}
                </li>
              );
            }
            if (at !== pictures[picture].first) return null;
            const rows = read.subarray(at, at + Q);
            return (
              <li key={at} class="rows">
                <PatchMap
                  name={`Rows of picture ${picture + 1}`}
                  values={rows}
                  columns={model.queries}
                  scale={scale(rows)}
                  unit=""
                  cell={(index) => `row ${index} of the adapter`}
                  onChoose={(index) => {
                    row.value = String(index);
                    view.value = 'adapter';
                  }}
                />
              </li>
            );
          })}
        </ol>
      )}
    </View>
  );
}
