import type { TimeSource } from '../../../profile/record.ts';
import { impossible } from '../../../profile/summary.ts';
import { digits, milliseconds, percent, scaled } from '../../../profile/text.ts';
import { isRounded } from '../../../profile/webgpu-clock.ts';
import { download } from '../download.ts';
import { PART_COLOURS } from '../parts/part-colours.ts';
import { Roofline } from '../parts/roofline.tsx';
import { Scrolls } from '../parts/scrolls.tsx';
import { Select } from '../parts/select.tsx';
import { stretchesOf, Timeline } from '../parts/timeline.tsx';
import {
  chosenPass,
  failure,
  json,
  operations,
  PASSES,
  parts,
  pass,
  profiled,
  progress,
  startProfiling,
  trace,
} from '../profiling.ts';
import './profile.css';

/** Where the time of the last answer went. */
export function ProfileScreen() {
  const running = progress.value;
  const found = profiled.value;
  return (
    <div class="profile">
      <p>
        The last answer runs again, with every operation timed: where the time goes, and how far each operation is from
        what this device can do at best.
      </p>
      <p class="buttons">
        {running ? (
          <button key="stop" type="button" onClick={() => running.stop.abort()}>
            Stop
          </button>
        ) : (
          <button key="start" type="button" onClick={startProfiling}>
            Profile the last answer
          </button>
        )}{' '}
        <span role="status">{running?.text}</span>
      </p>
      {failure.value && <p role="alert">{failure.value}</p>}
      {found && <Found found={found} />}
    </div>
  );
}

function Found({ found }: { readonly found: NonNullable<typeof profiled.value> }) {
  const { profile, roofs, device, noClock, prompt, exchange } = found;
  const sources = new Set(profile.stepwise.launches.flatMap(({ source }) => source ?? []));
  const chosen = chosenPass();
  const above = impossible(profile.stepwise, roofs).length;
  return (
    <>
      <p>
        “{exchange.question}”: {prompt} tokens in, {profile.tokens.length} out, in{' '}
        {milliseconds(profile.unwatched.milliseconds)} ms as it runs, the fastest of {profile.runs} runs. Ran on{' '}
        {device.description}; clock: {[...sources].map(clockName).join(', ') || 'none'}
        {noClock && ` (${noClock})`}
        {isRounded(profile.stepwise.launches) && ROUNDED}. Roofs measured in this page: {digits(roofs.multiplyAdd)}{' '}
        GFLOP/s, {digits(roofs.memory)} GB/s from memory.
      </p>
      <p class="buttons">
        <button type="button" onClick={() => download('trace.json', 'application/json', JSON.stringify(trace.value))}>
          Trace, for Perfetto
        </button>{' '}
        <button type="button" onClick={() => download('profile.json', 'application/json', json(found))}>
          JSON
        </button>
      </p>
      <ul class="legend">
        {PART_COLOURS.map(([part, colour]) => (
          <li key={part}>
            <span style={{ background: colour }} /> {part}
          </li>
        ))}
      </ul>
      <Select
        label="Pass"
        value={chosen}
        choices={PASSES}
        onChoose={(name) => {
          pass.value = name;
        }}
      />
      {/* The trace numbers its processes in this order. */}
      <Timeline key={chosen} stretches={stretchesOf(trace.value!, Object.keys(PASSES).indexOf(chosen) + 1)} />
      <h2>Under the roofs</h2>
      {above > 0 && (
        <p class="note">
          {above} launches stand above a roof, where nothing can be: other programs ran while the roofs were measured.
          Profile again when they have ended.
        </p>
      )}
      <Roofline operations={operations.value!.each} roofs={roofs} />
      <PartTable />
      <OperationTable />
    </>
  );
}

const ROUNDED =
  ', which this browser rounds to 65.5 µs, longer than many an operation takes, unless it is started with --enable-webgpu-developer-features';

/** Without one of the device, the page's is around each operation that is awaited. */
const clockName = (source: TimeSource): string => (source === 'awaited' ? 'the page’s' : source);

const Heads = ({ names }: { readonly names: readonly string[] }) => (
  <tr>
    {names.map((name) => (
      <th key={name} scope="col">
        {name}
      </th>
    ))}
  </tr>
);

function PartTable() {
  return (
    <Scrolls numbers label="Parts">
      <table>
        <caption>Parts</caption>
        <thead>
          <Heads names={['part', 'times', 'launches', 'ms', 'FLOP', 'ms as it runs']} />
        </thead>
        <tbody>
          {parts.value.map((part) => (
            <tr key={part.name}>
              <th scope="row">{part.name}</th>
              <td>{part.times}</td>
              <td>{part.launches}</td>
              <td>{milliseconds(part.milliseconds)}</td>
              <td>{scaled(part.operations, '')}</td>
              <td>{milliseconds(part.asItRuns)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolls>
  );
}

const COLUMNS = ['operation', 'calls', 'ms', 'share', 'FLOP', 'bytes', 'GFLOP/s', 'GB/s', 'FLOP/B', 'of the roof'];

function OperationTable() {
  const { each, all } = operations.value!;
  const share = (time: number | null) => (time === null || all.milliseconds === null ? null : time / all.milliseconds);
  return (
    <Scrolls numbers label="Operations">
      <table>
        <caption>Operations, the longest first</caption>
        <thead>
          <Heads names={COLUMNS} />
        </thead>
        <tbody>
          {[...each, { ...all, short: 0 }].map((group) => (
            <tr key={group.name}>
              <th scope="row">{group.name}</th>
              <td>{group.launches}</td>
              <td>
                {group.short > 0 && group.milliseconds !== null ? '≈ ' : ''}
                {milliseconds(group.milliseconds)}
              </td>
              <td>{percent(share(group.milliseconds))}</td>
              <td>{scaled(group.operations, '')}</td>
              <td>{scaled(group.bytes, '')}</td>
              <td>{digits(group.arithmetic)}</td>
              <td>{digits(group.bandwidth)}</td>
              <td>{digits(group.intensity)}</td>
              <td>
                {percent(group.share)} {group.share === null ? '' : group.limit}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">
        Measured: ms and what is divided by them. Exact, from shapes: calls and FLOP. Modelled: bytes, every input and
        output element moved once.
      </p>
    </Scrolls>
  );
}
