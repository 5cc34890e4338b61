import { useSignal } from '@preact/signals';
import { dragging } from '../drops.ts';
import { add, adding, addOwn, forgetOwn, listed, looking, refusals, someOwn } from '../pictures/list.ts';
import { addressOf, SAMPLES } from '../pictures/sample.ts';
import { BOARD } from '../pictures/shown.ts';
import { lazy } from './lazy.tsx';

const Camera = lazy(async () => (await import('./camera.tsx')).Camera);

/** Where pictures come from. */
export function PictureAdder() {
  const camera = useSignal(false);
  return (
    <section class={dragging.value ? 'adder dragging' : 'adder'} aria-label="Add pictures">
      <p class="note">Drop or paste pictures anywhere in this page, or take one of these:</p>
      <div class="samples">
        {SAMPLES.map((name) => (
          <button key={name} type="button" onClick={() => add([name])}>
            <img src={addressOf(name)} alt="" width={56} height={56} />
            {name}
          </button>
        ))}
      </div>
      <div class="row">
        <label class="file">
          Files{' '}
          <input
            type="file"
            accept="image/*"
            multiple
            onChange={({ currentTarget }) => {
              const files = [...(currentTarget.files ?? [])];
              currentTarget.value = ''; // the same file may be chosen again
              void addOwn(files.map((file) => ({ name: file.name, source: file })));
            }}
          />
        </label>
        <button
          type="button"
          aria-expanded={camera.value}
          onClick={() => {
            camera.value = !camera.value;
          }}
        >
          Camera
        </button>
        <button type="button" onClick={() => add([`${BOARD}red-square.300.350.300`])}>
          Board
        </button>
        <label>
          <input
            type="checkbox"
            checked={adding.value}
            onChange={({ currentTarget }) => {
              adding.value = currentTarget.checked;
            }}
          />{' '}
          add to the {listed.value.length === 1 ? 'picture' : 'pictures'} that{' '}
          {listed.value.length === 1 ? 'is' : 'are'} there
        </label>
      </div>
      {camera.value && (
        <Camera
          onClose={() => {
            camera.value = false;
          }}
        />
      )}
      {someOwn.value && (
        <p class="note">
          Your own pictures stay in this browser.{' '}
          <button type="button" onClick={() => void forgetOwn()}>
            Forget them
          </button>
        </p>
      )}
      <p role="status" class="note">
        {looking.value > 0 && 'reading the picture …'}
      </p>
      {refusals.value.map((sentence, i) => (
        <p key={i} role="alert">
          {sentence}
        </p>
      ))}
    </section>
  );
}
