import { device, mostThreads, opened, opening, openModel, PAGE_DEVICES, refused, threads } from '../model.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Which device, and which one ran. */
export function DeviceChooser() {
  const most = mostThreads();
  return (
    <section class="device" aria-label="Device">
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
          : opened.value
            ? `runs on ${opened.value.ran}`
            : 'no model'}
      </p>
      {refused.value && <p role="alert">{refused.value}</p>}
      {opened.value?.note && <p class="note">Not faster: {opened.value.note}</p>}
      {!self.crossOriginIsolated && (
        <p class="note">One thread: this page is not isolated from others, so its threads cannot share memory.</p>
      )}
    </section>
  );
}
