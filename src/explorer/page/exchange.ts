import { signal } from '@preact/signals';
import type { Answered } from '../engine/ask.ts';
import type { Opened } from '../engine/open.ts';
import { inAddress } from './address.ts';
import { call } from './engine.ts';
import { modelSettled, opened } from './model.ts';
import { listed, pictures, picturesSettled } from './pictures/list.ts';
import type { ShownPicture } from './pictures/shown.ts';
import { chosenOptions } from './sampling.ts';
import { addTurn, earlier, talk, turns } from './talk.ts';

export type { ShownPicture } from './pictures/shown.ts';

/** What is asked. */
export const question = inAddress('question', 'What is in the picture?');

/** What is asked, after what was said before. */
export interface Asked {
  readonly pictures: readonly ShownPicture[];
  readonly question: string;
  /** As the address has it. */
  readonly talk: string;
  /** The model that is asked: another one knows nothing of it. */
  readonly model: Opened | undefined;
}

/** The exchange that the other screens look into. */
export interface PageExchange extends Asked {
  readonly answered: Answered;
}

export const last = signal<PageExchange | undefined>(undefined);

/** The answer so far, while one runs. */
export const running = signal<
  (Asked & { readonly part: string; readonly text: string; readonly stop: AbortController }) | undefined
>(undefined);
/** One that was stopped, as far as it came. */
export const stopped = signal<(Asked & { readonly text: string }) | undefined>(undefined);
/** Why the last question has no answer. */
export const failed = signal<string | undefined>(undefined);

let asking: Promise<PageExchange | undefined> | undefined;

/**
 * The exchange to look into: the last one with the model that is open now, and before there is any, the answer to what the address
 * asks. `failed` or the model's `refused` says why there is none.
 */
export function ensureAsked(): Promise<PageExchange | undefined> {
  asking ??= (async () => {
    await modelSettled();
    await picturesSettled();
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
  await picturesSettled();
  running.value?.stop.abort();
  const stop = new AbortController();
  const asked = { pictures: pictures.value, question: question.value, talk: talk.value, model: opened.value };
  stopped.value = undefined;
  failed.value = unready();
  if (failed.value) return;
  running.value = { ...asked, part: 'vision encoder', text: '', stop };
  try {
    const answered = await call(
      'ask',
      {
        pictures: asked.pictures.map(({ key, name, source }) => ({ key, name, source })),
        ...{ question: asked.question, history: turns.value, options: chosenOptions() },
      },
      {
        signal: stop.signal,
        onReport(news) {
          const now = running.value;
          if (now?.stop !== stop) return;
          running.value = 'part' in news ? { ...now, part: news.part } : { ...now, text: now.text + news.text };
        },
      },
    );
    last.value = { ...asked, answered };
  } catch (error) {
    if (!stop.signal.aborted) failed.value = (error as Error).message;
  } finally {
    if (running.value?.stop === stop) running.value = undefined;
  }
}

/** What must be done before the question can be asked; undefined when all is there. */
export function unready(): string | undefined {
  if (pictures.value.length < listed.value.length) return 'a picture is not here: add it again, or remove it';
  if (pictures.value.length < earlier.value) return 'pictures of the conversation are missing: begin a new one';
  if (pictures.value.length === 0) return 'add a picture';
  return question.value.trim() ? undefined : 'type a question';
}

/** Gives up the answer that runs; what there is of it stays to be read. */
export function stopAsking(): void {
  const now = running.value;
  if (!now) return;
  stopped.value = now;
  running.value = undefined;
  now.stop.abort();
}

/** Makes the last exchange part of what was said before; the next question goes on from there. */
export function goOn({ question: asked, answered, pictures: shown }: PageExchange): void {
  addTurn({ pictures: shown.length - earlier.value, question: asked, answer: answered.text });
  question.value = '';
}

/** Forgets what was said before; its pictures stay. */
export function newTalk(): void {
  talk.value = '';
}
