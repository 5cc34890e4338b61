import { useEffect } from 'preact/hooks';
import './look.css';
import './break.css';
import { breaking, breakModel, stopBreaking, switches } from '../break/breaking.ts';
import { Outcome } from '../break/outcome.tsx';
import { off, predicted, textOf, thrownIn } from '../break/state.ts';
import { SwitchList } from '../break/switch-list.tsx';
import { call } from '../engine.ts';
import { last } from '../exchange.ts';
import { lookAgain, looking } from '../look/looking.ts';
import { opened } from '../model.ts';

const PREDICTIONS = { same: 'the same answer', other: 'another answer' };

/** Predict, switch something off in the model, and see. */
export function BreakScreen() {
  useEffect(() => void lookAgain(), [last.value, opened.value]);
  useEffect(() => {
    if (switches.value) return;
    call('breakable', null).then(
      (found) => {
        switches.value = found;
      },
      () => undefined, // the engine has stopped, which the header says
    );
  }, [opened.value]);
  useEffect(() => stopBreaking, []);
  const about = looking.value;
  if (about === undefined || !switches.value) return <p role="status">looking again …</p>;
  if (typeof about === 'string') return <p role="alert">{about}</p>;
  const thrown = thrownIn(off.value, switches.value, about);
  const known = breaking.value;
  const mine = known?.looking === about && known.off === textOf(thrown) ? known : undefined;
  return (
    <div class="look break">
      <p class="note">
        Each switch reaches into the model from outside, on the device that runs; its code knows nothing of it. The
        question is “{about.exchange.question}”, and the answer was “{about.exchange.answered.text}”.
      </p>
      <SwitchList switches={switches.value} thrown={thrown} looking={about} />
      <fieldset>
        <legend>First predict: the broken model gives</legend>
        {Object.entries(PREDICTIONS).map(([name, text]) => (
          <label key={name}>
            <input
              type="radio"
              name="predicted"
              checked={predicted.value === name}
              onChange={() => {
                predicted.value = name;
              }}
            />{' '}
            {text}
          </label>
        ))}
      </fieldset>
      <div class="choices">
        {mine?.stop ? (
          <button type="button" onClick={stopBreaking}>
            Stop
          </button>
        ) : (
          <button type="button" disabled={thrown.length === 0} onClick={() => void breakModel(about, thrown)}>
            Break it
          </button>
        )}
        <span role="status">{mine?.stop ? `running ${mine.doing ?? ''} …` : ''}</span>
      </div>
      {mine?.error && <p role="alert">{mine.error}</p>}
      {mine?.result && <Outcome looking={about} result={mine.result} />}
    </div>
  );
}
