import { signal } from '@preact/signals';
import type { Missing } from '../../engine/missing.ts';
import { call } from '../engine.ts';
import {
  broken,
  device,
  mostThreads,
  openAgain,
  opened,
  opening,
  openModel,
  PAGE_DEVICES,
  refused,
  threads,
} from '../model.ts';
import { ModelChooser } from './model-chooser.tsx';

/** What this browser lacks for some devices: looked for when somebody is about to choose. */
const missing = signal<Missing | undefined>(undefined);
let looked = false;

function look(): void {
  if (looked) return;
  looked = true;
  call('missing', undefined).then(
    (found) => {
      missing.value = found;
    },
    () => {
      looked = false;
    },
  );
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const missingFor = (name: string): boolean => (name === 'webgpu' || name === 'webgl2') && !!missing.value?.[name];

/** Which device, and which one ran. */
export function DeviceChooser() {
  const most = mostThreads();
  return (
    <section class="device" aria-label="Device" onFocusIn={look} onPointerEnter={look}>
      <ModelChooser />
      <label>
        Device{' '}
        <select
          value={device.value}
          onChange={({ currentTarget }) => {
            device.value = currentTarget.value;
            void openModel();
          }}
        >
          {PAGE_DEVICES.map((name) => (
            <option key={name} value={name}>
              {name}
              {missingFor(name) && ' (not here)'}
            </option>
          ))}
        </select>
      </label>
      {most > 1 && (
        <label>
          Threads{' '}
          <select
            value={threads.value || String(most)}
            onChange={({ currentTarget }) => {
              threads.value = currentTarget.value;
              void openModel();
            }}
          >
            {Array.from({ length: most }, (_, i) => (
              <option key={i} value={String(i + 1)}>
                {i + 1}
              </option>
            ))}
          </select>
        </label>
      )}
      <p role="status" class="badge">
        {opening.value !== undefined
          ? `opening the model … ${megabytes(opening.value)}`
          : broken.value || !opened.value
            ? 'no model'
            : `runs on ${opened.value.ran}`}
      </p>
      {refused.value && (
        <p role="alert">
          {refused.value}{' '}
          <button type="button" onClick={() => void openAgain()}>
            Open again
          </button>
        </p>
      )}
      {opened.value?.note && <p class="note">Not faster: {opened.value.note}</p>}
      {!self.crossOriginIsolated && (
        <p class="note">One thread: this page is not isolated from others, so its threads cannot share memory.</p>
      )}
      {(['webgpu', 'webgl2'] as const).map(
        (name) =>
          missing.value?.[name] && (
            <p key={name} class="note">
              No {name}: {missing.value[name]}.
            </p>
          ),
      )}
    </section>
  );
}
