import { Choice, numberIn } from '../parts/choice.tsx';
import type { Looking } from './looking.ts';
import { against, token } from './state.ts';

/** Which token of the answer is looked at: the first by default. */
export const chosenToken = ({ answer }: Looking): number => numberIn(token.value, answer.length) ?? 0;

/** A token's text, whose spaces and ends of lines can be seen. */
export const visible = (text: string): string => text.replaceAll('\n', '⏎').replace(/^ | $/g, '␣') || '∅';

/** The answer's tokens: touch one; another may be taken off. */
export function Tokens({ looking }: { looking: Looking }) {
  const { answer } = looking;
  const chosen = chosenToken(looking);
  return (
    <>
      <fieldset class="tokens">
        <legend>Token of the answer</legend>
        {answer.map((text, i) => (
          <button
            key={i}
            type="button"
            aria-pressed={i === chosen}
            onClick={() => {
              token.value = String(i);
            }}
          >
            {visible(text)}
          </button>
        ))}
      </fieldset>
      <Choice
        label="minus"
        state={against}
        count={answer.length}
        none="nothing"
        word={(i) => `${i}: ${visible(answer[i])}`}
      />
    </>
  );
}
