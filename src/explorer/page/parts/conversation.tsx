import { newTalk } from '../exchange.ts';
import { languageOf } from '../recorded.ts';
import { turns } from '../talk.ts';

/** What was said before the question. */
export function Conversation() {
  if (turns.value.length === 0) return null;
  return (
    <section class="talk" aria-label="Conversation">
      <dl>
        {turns.value.map(({ pictures, question, answer }, i) => (
          <div key={i}>
            <dt lang={languageOf(question)}>
              {question}{' '}
              {pictures > 0 && <span class="note">({pictures === 1 ? 'a picture' : `${pictures} pictures`})</span>}
            </dt>
            <dd lang={languageOf(answer)}>{answer}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={newTalk}>
        New conversation
      </button>
    </section>
  );
}
