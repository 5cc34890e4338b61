import { signal } from '@preact/signals';
import type { RawPixels } from '../../input/picture/picture-source.ts';
import type { Answered, PagedPicture } from '../engine/ask.ts';
import { inAddress } from './address.ts';
import { call } from './engine.ts';

/** A picture in the page: what the engine gets, and what is seen. */
export interface ShownPicture extends PagedPicture {
  /** For an `img`. */
  readonly address: string;
}

/** What is asked about now. */
export const pictures = signal<readonly ShownPicture[]>([]);
export const question = inAddress('question', '');
/** Names of sample pictures that are shown, in their order: others cannot be in an address. */
export const samples = inAddress('picture', '');

/** The exchange that the other screens look into. */
export interface PageExchange {
  readonly pictures: readonly ShownPicture[];
  readonly question: string;
  readonly answered: Answered;
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

/** Asks about the pictures. One that runs already is stopped. */
export async function ask(): Promise<void> {
  running.value?.stop.abort();
  const stop = new AbortController();
  const about = { pictures: pictures.value, question: question.value };
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
