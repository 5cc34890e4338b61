import { GOLDENS, PLANTED_FAULTS } from '../../engine/verify-choices.ts';
import { download } from '../download.ts';
import { Select } from '../parts/select.tsx';
import { TapTable } from '../parts/tap-table.tsx';
import {
  chosenDevices,
  chosenFault,
  chosenGolden,
  csv,
  DEVICES,
  devices,
  failure,
  fault,
  found,
  golden,
  progress,
  report,
  startVerifying,
} from '../verification.ts';
import './verify.css';

/** Every activation of a golden, on every device that is here. */
export function VerifyScreen() {
  return (
    <div class="verify">
      <p>
        Each activation of one prompt, computed here, against what the original computed in PyTorch. The unit is
        PyTorch’s own rounding: how far its float32 is from its float64. What is allowed is measured, and the same as
        for <code>qvl verify</code>.
      </p>
      <Choices />
      {failure.value && <p role="alert">{failure.value}</p>}
      <Verdicts />
      {found.value.some(({ verdict }) => verdict.modes.length > 0) && <TapTable />}
    </div>
  );
}

const FAULTS = Object.fromEntries(Object.entries(PLANTED_FAULTS).map(([name, { says }]) => [name, says]));

function Choices() {
  const running = progress.value;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void startVerifying();
      }}
    >
      <Select
        label="Golden"
        value={chosenGolden()}
        choices={Object.fromEntries(Object.entries(GOLDENS).map(([name, says]) => [name, `${name}: ${says}`]))}
        onChoose={(name) => {
          golden.value = name;
        }}
      />
      <Select
        label="Planted fault"
        value={chosenFault() ?? ''}
        choices={{ '': 'none', ...FAULTS }}
        onChoose={(name) => {
          fault.value = name;
        }}
      />
      <fieldset>
        <legend>Devices</legend>
        {DEVICES.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={chosenDevices().includes(name)} onChange={() => toggle(name)} /> {name}
          </label>
        ))}
      </fieldset>
      {/* Keys, or the button that stopped would be the one that starts while its click still goes on. */}
      {running ? (
        <button key="stop" type="button" onClick={() => running.stop.abort()}>
          Stop
        </button>
      ) : (
        <button key="start" type="submit" disabled={chosenDevices().length === 0}>
          Verify
        </button>
      )}
      <p role="status">{running?.text}</p>
    </form>
  );
}

function toggle(name: (typeof DEVICES)[number]): void {
  const before = chosenDevices();
  devices.value = DEVICES.filter((each) => (each === name) !== before.includes(each)).join(',');
}

/** What was found, a line a device. */
function Verdicts() {
  if (found.value.length === 0) return null;
  return (
    <section aria-label="Verdicts">
      <ul>
        {found.value.map(({ verdict: { run, status }, findings }) => (
          <li key={run.device.name} class={status === 'over budget' ? 'over' : undefined}>
            <strong>
              {status === 'pass' ? '✓' : status === 'over budget' ? '✗' : '–'} {run.device.name}
            </strong>{' '}
            {findings}
            {status !== 'unavailable' && <span class="note"> · {run.device.description}</span>}
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => download(`verify-${chosenGolden()}.csv`, 'text/csv', csv())}>
        CSV
      </button>{' '}
      <button
        type="button"
        disabled={report.value === undefined}
        onClick={() => download(`verify-${chosenGolden()}.json`, 'application/json', report.value ?? '')}
      >
        JSON, for qvl verify --judge
      </button>
    </section>
  );
}
