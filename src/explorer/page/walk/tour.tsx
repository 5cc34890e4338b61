import { computed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Station } from '../../engine/station.ts';
import { inAddress } from '../address.ts';
import { Inline } from './prose.tsx';
import { firstSentence, lineOf, operationOf } from './sources.ts';
import { goTo, walk } from './state.ts';

/** Where the tour stops: the first station of each kind, of the last block of each part its end. */
const STOPS: readonly RegExp[] = [
  /^pixels$/,
  /:patches$/,
  /\.conv1$/,
  /\.ln_pre$/,
  /resblocks\.0\.ln_1$/,
  /resblocks\.0\.attn\.in_proj$/,
  /resblocks\.0\.attn\.scores$/,
  /resblocks\.0\.attn\.probs$/,
  /resblocks\.0\.attn\.values$/,
  /resblocks\.0\.mlp\.gelu$/,
  /resblocks\.0$/,
  /attn_pool\.ln_kv$/,
  /attn_pool\.attn\.probs$/,
  /attn_pool\.attn$/,
  /^transformer\.visual$/,
  /^transformer\.wte$/,
  /^transformer\.spliced$/,
  /h\.0\.ln_1$/,
  /h\.0\.attn\.q_rotated$/,
  /h\.0\.attn\.attn_dropout$/,
  /h\.0:siluGate$/,
  /h\.0$/,
  /^transformer\.ln_f$/,
  /^lm_head$/,
];

const stops = computed((): readonly Station[] => {
  if (typeof walk.value !== 'object') return [];
  const { stations } = walk.value;
  return STOPS.flatMap((stop) => stations.find(({ name }) => stop.test(name)) ?? []);
});

/** The stop of the tour, from 1; nothing while there is none. */
const stop = inAddress('tour', '');
const at = computed((): number =>
  /^\d{1,3}$/.test(stop.value) ? Math.min(Number(stop.value), stops.value.length) : 0,
);

function stopAt(number: number): void {
  stop.value = number > 0 && number <= stops.value.length ? String(number) : '';
  const there = stops.value[number - 1];
  if (there) goTo(there.name);
}

/** Goes through the main stations, by button or with the space bar. */
export function Tour() {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== ' ' || event.ctrlKey || event.altKey || event.metaKey || isUsed(event.target)) return;
      event.preventDefault();
      stopAt(at.value + (event.shiftKey ? -1 : 1));
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const there = stops.value[at.value - 1];
  return (
    <section class="tour" aria-label="Tour">
      {there ? (
        <>
          <button type="button" disabled={at.value === 1} onClick={() => stopAt(at.value - 1)}>
            Previous
          </button>{' '}
          <button type="button" onClick={() => stopAt(at.value + 1)}>
            {at.value === stops.value.length ? 'End' : 'Next'}
          </button>{' '}
          <button type="button" onClick={() => stopAt(0)}>
            Leave the tour
          </button>
        </>
      ) : (
        <button type="button" onClick={() => stopAt(1)}>
          Tour of the {stops.value.length} main stations
        </button>
      )}{' '}
      <span class="note">the space bar goes on</span>
      <p aria-live="polite">{there && <Sentence station={there} />}</p>
    </section>
  );
}

/** What the function around says of itself, and the operation: from the sources' own comments. */
function Sentence({ station: { name, made } }: { station: Station }) {
  const within = lineOf(name)?.within;
  const operation = made && operationOf(made.operation);
  const sentences = [within, operation].flatMap((each) => (each ? firstSentence(each.comment) : []));
  return (
    <>
      <strong>
        {at.value} of {stops.value.length}
      </strong>{' '}
      {sentences.length === 0 ? 'The pictures as the model sees them: three channels, resized and normalised.' : null}
      <Inline text={[...new Set(sentences)].join(' ')} />
    </>
  );
}

/** Whether the space bar already does something where it was pressed. */
const isUsed = (target: EventTarget | null): boolean =>
  target instanceof Element &&
  target.closest('button, input, select, textarea, summary, a, [contenteditable]') !== null;
