import { listed, nameOf, remove, replaceSoon, swap } from '../pictures/list.ts';
import { BOARD } from '../pictures/shown.ts';
import { earlier } from '../talk.ts';
import { lazy } from './lazy.tsx';

const Board = lazy(async () => (await import('../board/board.tsx')).Board);

/** The pictures of the question in their order, those of earlier turns first. A board is changed where it stands. */
export function PictureList() {
  const fixed = earlier.value;
  const all = listed.value;
  return (
    <ol class="pictures">
      {all.map((each, i) => (
        <li key={`${i} ${each.name.startsWith(BOARD) ? 'board' : each.name}`}>
          <div class="row">
            <strong>Picture {i + 1}</strong>
            {'picture' in each && <bdi class="note name">{each.picture.name}</bdi>}
            {i < fixed ? (
              <span class="note">of the conversation</span>
            ) : (
              <>
                {i > fixed && (
                  <button type="button" aria-label={`Picture ${i + 1} before picture ${i}`} onClick={() => swap(i - 1)}>
                    ↑
                  </button>
                )}
                <button type="button" aria-label={`Remove picture ${i + 1}`} onClick={() => remove(i)}>
                  ×
                </button>
              </>
            )}
          </div>
          {'fault' in each ? (
            <p role="alert">{each.fault}</p>
          ) : each.name.startsWith(BOARD) && i >= fixed ? (
            <Board name={nameOf(i)} onChange={(name: string) => replaceSoon(i, name)} />
          ) : (
            <img src={each.picture.address} alt={each.picture.name} />
          )}
        </li>
      ))}
    </ol>
  );
}
