import type { Broken } from '../../engine/broken/break.ts';
import type { Side } from '../../engine/broken/side.ts';
import type { Looking } from '../look/looking.ts';
import { meanOr, readBy, sum, through } from '../look/maps.ts';
import { visible } from '../look/tokens.tsx';
import { PatchMap } from '../parts/patch-map.tsx';
import { sequential, shown } from '../parts/scales.ts';
import { Scrolls } from '../parts/scrolls.tsx';
import { ErrorChart, firstOff } from './error-chart.tsx';
import { predicted } from './state.ts';

/** Before and after, side by side. */
export function Outcome({ looking, result }: { looking: Looking; result: Broken }) {
  const { sound, broken, taps } = result;
  const at = firstOff(taps);
  const first = taps[at];
  const same = sound.text === broken.text;
  return (
    <section class="outcome" aria-label="What came of it">
      <Scrolls label="Before and after">
        <table>
          <thead>
            <tr>
              <td />
              <th scope="col">as it is</th>
              <th scope="col">broken</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">The likeliest answer</th>
              <td class="answer">{sound.text}</td>
              <td class="answer">{broken.text}</td>
            </tr>
            <tr>
              <th scope="row">Log-probability of “{looking.exchange.answered.text}”</th>
              <td>{shown(sum(sound.logProbabilities))} nats</td>
              <td>{shown(sum(broken.logProbabilities))} nats</td>
            </tr>
            {looking.answer.map((text, i) => (
              <tr key={`${i} ${text}`}>
                <th scope="row" class="token">
                  {visible(text)}
                </th>
                <td>{shown(sound.logProbabilities[i])}</td>
                <td>{shown(broken.logProbabilities[i])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolls>
      <Verdict same={same} />
      <p>
        {first ? (
          <>
            The first activation that is off: <code>{first.name}</code>{' '}
            {first.nmse === undefined
              ? '(the model as it is has none of this name)'
              : `by an NMSE of ${shown(first.nmse)}`}
            ; the {at} before it are the same to the last bit.
          </>
        ) : (
          'No activation of the prompt is off.'
        )}
      </p>
      <ErrorChart taps={taps} />
      <h2>Where the first token looked</h2>
      {looking.pictures.map(({ first: position }, picture) => (
        <div class="beside" key={position}>
          <FirstToken name="As it is" side={sound} looking={looking} picture={picture} />
          <FirstToken name="Broken" side={broken} looking={looking} picture={picture} />
        </div>
      ))}
    </section>
  );
}

/** Whether what was predicted came true. */
function Verdict({ same }: { same: boolean }) {
  const came = same ? 'The answer is the same.' : 'The answer is another one.';
  if (predicted.value !== 'same' && predicted.value !== 'other') return <p>{came}</p>;
  const right = (predicted.value === 'same') === same;
  return (
    <p>
      {came} <strong>{right ? 'So you predicted.' : 'You predicted otherwise.'}</strong>
    </p>
  );
}

function FirstToken({ name, side, looking, picture }: { name: string; side: Side; looking: Looking; picture: number }) {
  const { model, pictures, addresses } = looking;
  const [Q, L] = [model.queries ** 2, model.grid ** 2];
  const read = readBy(side.attention, model.decoder, { layer: undefined, head: undefined });
  const { first } = pictures[picture];
  const values = through(read.subarray(first, first + Q), meanOr(side.adapter[picture], Q * L, undefined));
  return (
    <PatchMap
      name={pictures.length > 1 ? `${name}, picture ${picture + 1}` : name}
      values={values}
      columns={model.grid}
      scale={sequential(values)}
      unit="of what it read"
      picture={addresses[side.pictures[picture]]}
    />
  );
}
