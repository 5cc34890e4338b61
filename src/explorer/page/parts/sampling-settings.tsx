import { SETTINGS } from '../sampling.ts';

/** How the next token is chosen. */
export function SamplingSettings() {
  return (
    <details class="sampling">
      <summary>Sampling</summary>
      <p class="note">What is empty is as the checkpoint says.</p>
      {SETTINGS.map(({ name, label, note, text, step }) => (
        <label key={name}>
          {label}{' '}
          <input
            type="number"
            min={0}
            step={step}
            value={text.value}
            aria-describedby={`about-${name}`}
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value;
            }}
          />{' '}
          <span id={`about-${name}`} class="note">
            {note}
          </span>
        </label>
      ))}
    </details>
  );
}
