import { useEffect } from 'preact/hooks';
import './look.css';
import { named } from '../address.ts';
import { last } from '../exchange.ts';
import { AdapterView } from '../look/adapter-view.tsx';
import { EncoderView } from '../look/encoder-view.tsx';
import { lookAgain, looking } from '../look/looking.ts';
import { OcclusionView } from '../look/occlusion-view.tsx';
import { PictureView } from '../look/picture-view.tsx';
import { PromptView } from '../look/prompt-view.tsx';
import { head, layer, pictureNumber, view } from '../look/state.ts';
import { Tokens } from '../look/tokens.tsx';
import { opened } from '../model.ts';
import { Choice } from '../parts/choice.tsx';

/** What can be shown, and whether the decoder's blocks and heads matter to it. */
const VIEWS = {
  picture: { title: 'On the picture', component: PictureView, decoder: true },
  prompt: { title: 'In the prompt', component: PromptView, decoder: true },
  adapter: { title: 'Adapter', component: AdapterView, decoder: false },
  encoder: { title: 'Encoder', component: EncoderView, decoder: false },
  occlusion: { title: 'Occlusion', component: OcclusionView, decoder: true },
};

/** Where the model looked for a token of its answer. */
export function LookScreen() {
  useEffect(() => void lookAgain(), [last.value, opened.value]);
  const about = looking.value;
  if (about === undefined) return <p role="status">looking again …</p>;
  if (typeof about === 'string') return <p role="alert">{about}</p>;
  const shown = named(VIEWS, view.value) ?? 'picture';
  const { component: Shown, decoder } = VIEWS[shown];
  if (about.pictures.length === 0) return <p role="alert">The question has no picture to look at.</p>;
  return (
    <div class="look">
      <p class="note">
        Attention says what was read, which is one view and not why the answer is what it is. Occlusion asks for the
        cause: a part of the picture is hidden, and the model runs again.
      </p>
      <Tokens looking={about} />
      <fieldset class="views">
        <legend>View</legend>
        {Object.entries(VIEWS).map(([name, { title }]) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === shown}
            onClick={() => {
              view.value = name;
            }}
          >
            {title}
          </button>
        ))}
      </fieldset>
      <div class="choices">
        {about.pictures.length > 1 && (
          <Choice
            label="Picture"
            state={pictureNumber}
            count={about.pictures.length}
            word={(i) => `Picture ${i + 1}`}
          />
        )}
        {decoder && (
          <>
            <Choice label="Decoder block" state={layer} count={about.model.decoder.layers} none="mean" />
            <Choice label="Decoder head" state={head} count={about.model.decoder.heads} none="mean" />
          </>
        )}
      </div>
      <Shown looking={about} />
    </div>
  );
}
