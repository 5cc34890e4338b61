import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { AnsweredBlind } from '../../engine/occlude.ts';
import { call } from '../engine.ts';
import { shown } from '../parts/scales.ts';
import { BoxChooser } from './box-chooser.tsx';
import type { Looking } from './looking.ts';
import { sum } from './maps.ts';
import { hidden, numbersIn, textOf } from './state.ts';
import { chosenToken, visible } from './tokens.tsx';

/** Patches of one's own choice are hidden, and the model is asked again. */
export function HideView({ looking, picture }: { looking: Looking; picture: number }) {
  const { grid } = looking.model;
  const patches = numbersIn(hidden.value, grid ** 2);
  const asking = useSignal<AbortController | undefined>(undefined);
  const came = useSignal<(AnsweredBlind & { about: string }) | { error: string; about: string } | undefined>(undefined);
  const about = `${looking.number}: ${picture} ${hidden.value}`;
  useEffect(() => () => asking.peek()?.abort(), []);
  const askWithout = async () => {
    const control = new AbortController();
    asking.value = control;
    try {
      came.value = { ...(await call('askWithout', { picture, patches }, { signal: control.signal })), about };
    } catch (error) {
      if (!control.signal.aborted) came.value = { error: (error as Error).message, about };
    } finally {
      if (asking.peek() === control) asking.value = undefined;
    }
  };
  const result = came.value?.about === about ? came.value : undefined;
  return (
    <section class="hide" aria-label="Hide patches of your choice" aria-busy={asking.value !== undefined}>
      <h2>Hide patches of your choice</h2>
      <BoxChooser
        picture={looking.addresses[picture]}
        grid={grid}
        patches={patches}
        onChange={(next) => {
          hidden.value = textOf(next);
        }}
      />
      <div class="choices">
        <button type="button" disabled={patches.length === 0 || asking.value !== undefined} onClick={askWithout}>
          Ask without {patches.length === 1 ? 'this patch' : `these ${patches.length} patches`}
        </button>
        {asking.value && (
          <button type="button" onClick={() => asking.value?.abort()}>
            Stop
          </button>
        )}
        <button
          type="button"
          disabled={patches.length === 0}
          onClick={() => {
            hidden.value = '';
          }}
        >
          Show all
        </button>
      </div>
      {result && 'error' in result && <p role="alert">{result.error}</p>}
      {result && 'text' in result && <Without looking={looking} without={result} />}
    </section>
  );
}

function Without({ looking, without }: { looking: Looking; without: AnsweredBlind }) {
  const token = chosenToken(looking);
  const { text, whole, hidden } = without;
  return (
    <dl class="without" aria-live="polite">
      <dt>The likeliest answer without them</dt>
      <dd>{text}</dd>
      <dt>The answer before</dt>
      <dd>{looking.exchange.answered.text}</dd>
      <dt>Its log-probability</dt>
      <dd>
        {shown(sum(whole))} → {shown(sum(hidden))} nats
      </dd>
      <dt>That of “{visible(looking.answer[token])}”</dt>
      <dd>
        {shown(whole[token])} → {shown(hidden[token])} nats
      </dd>
    </dl>
  );
}
