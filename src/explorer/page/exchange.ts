import { signal } from '@preact/signals';
import type { RawPixels } from '../../input/picture/picture-source.ts';
import type { Answered, PagedPicture } from '../engine/ask.ts';
import type { Opened } from '../engine/open.ts';
import { inAddress } from './address.ts';
import { call } from './engine.ts';
import { modelSettled, opened } from './model.ts';

/** A picture in the page: what the engine gets, and what is seen. */
export interface ShownPicture extends PagedPicture {
  /** For an `img`. */
  readonly address: string;
}

/** What is asked about now. */
export const pictures = signal<readonly ShownPicture[]>([]);
export const question = inAddress('question', 'What is in the picture?');
/** Names of sample pictures that are shown, in their order: others cannot be in an address. */
export const samples = inAddress('picture', 'scene-1.png');

/** The exchange that the other screens look into. */
export interface PageExchange {
  readonly pictures: readonly ShownPicture[];
  readonly question: string;
  readonly answered: Answered;
  /** The model that answered: another one knows nothing of it. */
  readonly model: Opened | undefined;
}

export const last = signal<PageExchange | undefined>(undefined);
/** The answer so far, while one runs. */
export const running = signal<
  { readonly part: string; readonly text: string; readonly stop: AbortController } | undefined
>(undefined);
/** Why the last question has no answer. */
export const failed = signal<string | undefined>(undefined);

let keys = 0;

/** A picture from the bytes of a file. */
export const pictureOf = (name: string, bytes: Uint8Array<ArrayBuffer>): ShownPicture => ({
  key: `picture ${keys++}`,
  name,
  source: bytes,
  address: URL.createObjectURL(new Blob([bytes])),
});

/** A picture from pixels, as a canvas has them. */
export const pictureFrom = (name: string, pixels: RawPixels, address: string): ShownPicture => ({
  key: `picture ${keys++}`,
  name,
  source: pixels,
  address,
});

/** Waits until the pictures that the address names are shown: who shows them puts it here. */
export const settled = { pictures: async (): Promise<void> => undefined };

let asking: Promise<PageExchange | undefined> | undefined;

/**
 * The exchange to look into: the last one with the model that is open now, and before there is any, the answer to what the address
 * asks. `failed` or the model's `refused` says why there is none.
 */
export function ensureAsked(): Promise<PageExchange | undefined> {
  asking ??= (async () => {
    await modelSettled();
    await settled.pictures();
    if (!opened.value) return undefined;
    if (last.value?.model !== opened.value) await ask();
    return last.value?.model === opened.value ? last.value : undefined;
  })().finally(() => {
    asking = undefined;
  });
  return asking;
}

/** Asks about the pictures. One that runs already is stopped. */
export async function ask(): Promise<void> {
  running.value?.stop.abort();
  const stop = new AbortController();
  const about = { pictures: pictures.value, question: question.value, model: opened.value };
  failed.value = undefined;
  running.value = { part: 'vision encoder', text: '', stop };
  try {
    const answered = await call(
      'ask',
      { pictures: about.pictures.map(({ key, name, source }) => ({ key, name, source })), question: about.question },
      {
        signal: stop.signal,
        onReport(news) {
          if (running.value?.stop !== stop) return;
          running.value =
            'part' in news
              ? { ...running.value, part: news.part }
              : { ...running.value, text: running.value.text + news.text };
        },
      },
    );
    last.value = { ...about, answered };
  } catch (error) {
    if (!stop.signal.aborted) failed.value = (error as Error).message;
  } finally {
    if (running.value?.stop === stop) running.value = undefined;
  }
}
