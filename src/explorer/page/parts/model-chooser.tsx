import { useSignal } from '@preact/signals';
import { opened, openModel, SHIPPED, source } from '../model.ts';

const millions = (count: number): string => `${(count / 1e6).toFixed(count < 1e8 ? 1 : 0)} million parameters`;

/** Which model, and how to open another one. */
export function ModelChooser() {
  const fault = useSignal<string | undefined>(undefined);
  const own = 'files' in source.value ? source.value.name : undefined;
  return (
    <details class="model">
      <summary>
        Model: {own === undefined ? 'the one that comes along' : <bdi>{own}</bdi>}
        {opened.value && `, ${millions(opened.value.parameters)}`}
      </summary>
      <p class="note">
        Drop another checkpoint’s folder into the page, or choose it: with config.json, weights and qwen.tiktoken. It
        stays on this machine.
      </p>
      <label class="file">
        Folder{' '}
        <input
          type="file"
          ref={(input) => {
            if (input) input.webkitdirectory = true;
          }}
          onChange={async ({ currentTarget }) => {
            const files = [...(currentTarget.files ?? [])];
            currentTarget.value = '';
            fault.value = undefined;
            try {
              const { filesAtTop } = await import('../folder.ts');
              await openModel(filesAtTop(files));
            } catch (error) {
              fault.value = (error as Error).message;
            }
          }}
        />
      </label>
      {own !== undefined && (
        <button type="button" onClick={() => void openModel(SHIPPED)}>
          The one that comes along
        </button>
      )}
      {fault.value && <p role="alert">{fault.value}</p>}
      {opened.value?.notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
    </details>
  );
}
