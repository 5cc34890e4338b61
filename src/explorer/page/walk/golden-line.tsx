import type { GoldenBadge } from '../../engine/golden.ts';
import { last } from '../exchange.ts';
import { opened } from '../model.ts';
import { shown } from '../parts/scales.ts';
import { checked, checkGolden } from './golden.ts';

/** How far a station is from what PyTorch computed. @param names under which the golden may hold it */
export function GoldenLine({ names }: { names: readonly string[] }) {
  return (
    <>
      <dt>golden</dt>
      <dd>
        <span role="status">
          <Verdict names={names} />
        </span>
      </dd>
    </>
  );
}

function Verdict({ names }: { names: readonly string[] }) {
  const now = checked.value;
  if (now && 'share' in now) return <>comparing with PyTorch … {Math.round(100 * now.share)} %</>;
  const button = (
    <button type="button" onClick={() => void checkGolden()}>
      check against the golden
    </button>
  );
  // What another model or device computed says nothing of this one.
  if (!now || ('result' in now && now.model !== opened.value)) return button;
  if ('failed' in now) {
    return (
      <>
        <span role="alert">{now.failed}</span> {button}
      </>
    );
  }
  const { result, exchange } = now;
  const name = names.find((name) => Object.hasOwn(result.badges, name));
  const same = result.same && exchange === last.value;
  return (
    <>
      {name === undefined ? 'The golden does not hold it.' : <Badge badge={result.badges[name]} />}{' '}
      <span class="note">
        {same
          ? 'These very numbers: it is the golden prompt.'
          : `Of the golden prompt, on this device: ${questionOf(result.prompt)}`}
      </span>
    </>
  );
}

function Badge({ badge: { ratio, nmse, against, share } }: { badge: GoldenBadge }) {
  return (
    <span class={share <= 1 ? 'passes' : 'fails'}>
      {share <= 1 ? '✓' : '✗'} {ratio !== undefined && `${shown(ratio)} × PyTorch’s own rounding, `}NMSE {shown(nmse)}{' '}
      to PyTorch’s {against}, {Math.round(100 * share)} % of what is allowed.
    </span>
  );
}

/** The words of the last question of a prompt. */
const questionOf = (prompt: string): string => {
  const lines = prompt.replace(/<img>.*?<\/img>/gs, '').split('\n');
  const asked = lines.findLast((line) => line !== '' && !line.startsWith('<|'));
  return `“${asked?.replace(/<\|.*?\|>/g, '') ?? ''}”`;
};
