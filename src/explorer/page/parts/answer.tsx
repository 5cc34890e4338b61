import { type Asked, failed, goOn, last, question, running, stopped } from '../exchange.ts';
import { opened } from '../model.ts';
import { pictures } from '../pictures/list.ts';
import { languageOf, recordedAnswer } from '../recorded.ts';
import { talk, turns } from '../talk.ts';
import { lazy } from './lazy.tsx';
import { focusQuestion } from './question.tsx';

const Boxes = lazy(async () => (await import('./boxes.tsx')).Boxes);

interface Shown {
  readonly text: string;
  readonly asked: Pick<Asked, 'question' | 'pictures'>;
  readonly state: 'running' | 'stopped' | 'whole' | 'recorded';
}

/** The answer that runs, or was stopped, or the last one; before there is any, what the original answered. */
function shown(): Shown | undefined {
  if (running.value) return { text: running.value.text, asked: running.value, state: 'running' };
  if (stopped.value) return { text: stopped.value.text, asked: stopped.value, state: 'stopped' };
  // One that became part of the conversation is read there.
  const whole = last.value?.talk === talk.value ? last.value : undefined;
  if (whole) return { text: whole.answered.text, asked: whole, state: 'whole' };
  if (opened.value || turns.value.length > 0) return undefined;
  const asked = { question: question.value, pictures: pictures.value };
  const recorded = recordedAnswer(
    asked.pictures.map(({ key }) => key),
    asked.question,
  );
  return recorded === undefined ? undefined : { text: recorded, asked, state: 'recorded' };
}

/** The answer with its boxes, and what it took. */
export function Answer() {
  const now = shown();
  return (
    <section class="answer" aria-label="Answer">
      {now && <To {...now.asked} />}
      <output aria-live="polite" aria-busy={now?.state === 'running'} lang={languageOf(now?.text ?? '')}>
        {now?.text}
      </output>
      {now?.state === 'running' && <p class="note">{running.value?.part} …</p>}
      {now?.state === 'stopped' && <p class="note">stopped; it is not looked into by the other screens</p>}
      {now?.state === 'recorded' && (
        <p class="note">recorded: the original’s answer, until the model of this page is there</p>
      )}
      {now?.state === 'whole' && <Cost />}
      {now && now.state !== 'running' && /<(box|quad)>/.test(now.text) && (
        <Boxes text={now.text} pictures={now.asked.pictures} />
      )}
      {failed.value && <p role="alert">{failed.value}</p>}
    </section>
  );
}

/** Whether those are the pictures that stand in the page now. */
const areShown = (about: Asked['pictures']): boolean =>
  String(about.map(({ key }) => key)) === String(pictures.value.map(({ key }) => key));

/** What an answer answers, where that is not what stands in the page now. */
function To({ question: asked, pictures: about }: Pick<Asked, 'question' | 'pictures'>) {
  if (areShown(about) && asked === question.value) return null;
  return (
    <p class="note">
      to <q lang={languageOf(asked)}>{asked}</q>, about{' '}
      {about.map(({ key, name }, i) => (
        <span key={key}>
          {i > 0 && ', '}
          <bdi>{name}</bdi>
        </span>
      ))}
    </p>
  );
}

/** What the last answer took, and where it ran. */
function Cost() {
  const exchange = last.value;
  if (!exchange) return null;
  const { tokens, promptTokens, milliseconds, ran } = exchange.answered;
  const rate = ((tokens.length - 1) * 1000) / (milliseconds.all - milliseconds.first);
  return (
    <>
      <p class="badge">
        ran on {ran} · {promptTokens} tokens of the question · {tokens.length} of the answer · the first after{' '}
        {(milliseconds.first / 1000).toFixed(2)} s{tokens.length > 1 && ` · ${rate.toFixed(0)} a second`}
      </p>
      {areShown(exchange.pictures) && (
        <button
          type="button"
          onClick={() => {
            goOn(exchange);
            focusQuestion();
          }}
        >
          Go on asking
        </button>
      )}
    </>
  );
}
