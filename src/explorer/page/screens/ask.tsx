import { ask, failed, last, pictures, question, running, samples } from '../exchange.ts';
import { opened } from '../model.ts';
import { SAMPLES } from '../samples.ts';

/** Pictures, a question, an answer. */
export function AskScreen() {
  return (
    <form
      class="ask"
      onSubmit={(event) => {
        event.preventDefault();
        void ask();
      }}
    >
      <fieldset>
        <legend>Pictures</legend>
        {SAMPLES.map((name) => (
          <button
            key={name}
            type="button"
            onClick={() => {
              samples.value = name;
            }}
          >
            {name}
          </button>
        ))}
        {pictures.value.map(({ key, name, address }) => (
          <img key={key} src={address} alt={name} width={224} />
        ))}
      </fieldset>
      <label>
        Question{' '}
        <input
          value={question.value}
          onInput={({ currentTarget }) => {
            question.value = currentTarget.value;
          }}
        />
      </label>
      {running.value ? (
        <button type="button" onClick={() => running.value?.stop.abort()}>
          Stop
        </button>
      ) : (
        <button type="submit" disabled={!opened.value || pictures.value.length === 0 || !question.value}>
          Ask
        </button>
      )}
      <output aria-live="polite">{running.value ? running.value.text : last.value?.answered.text}</output>
      {failed.value && <p role="alert">{failed.value}</p>}
    </form>
  );
}
