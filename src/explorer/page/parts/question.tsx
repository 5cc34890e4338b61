import { ask, question, running, stopAsking, unready } from '../exchange.ts';
import { broken, opened } from '../model.ts';
import { EXAMPLES, languageOf } from '../recorded.ts';

const QUESTION = 'question';
/** To where the next question is typed. */
export const focusQuestion = (): void => document.getElementById(QUESTION)?.focus();

/** Questions to begin with. */
export function Examples() {
  return (
    <fieldset class="examples">
      <legend class="note">Questions that the small model was taught</legend>
      {EXAMPLES.map((example) => (
        <button
          key={example}
          type="button"
          lang={languageOf(example)}
          onClick={() => {
            question.value = example;
          }}
        >
          {example}
        </button>
      ))}
    </fieldset>
  );
}

/** The question, and what it takes to ask it. */
export function Question() {
  const missing = unready() ?? (opened.value && !broken.value ? undefined : 'the model is not there');
  return (
    <form
      class="question"
      onSubmit={(event) => {
        event.preventDefault();
        void ask();
      }}
    >
      <label>
        Question{' '}
        <input
          id={QUESTION}
          value={question.value}
          lang={languageOf(question.value)}
          maxLength={2000}
          onInput={({ currentTarget }) => {
            question.value = currentTarget.value;
          }}
        />
      </label>
      <div class="row">
        <button type="submit" disabled={missing !== undefined}>
          Ask
        </button>
        <button
          type="button"
          disabled={!running.value}
          onClick={() => {
            stopAsking();
            focusQuestion();
          }}
        >
          Stop
        </button>
        {missing && <span class="note">{missing}</span>}
      </div>
    </form>
  );
}
