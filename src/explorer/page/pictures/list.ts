import { computed, effect, signal } from '@preact/signals';
import type { ArgumentOf } from '../../engine/services.ts';
import { inAddress } from '../address.ts';
import { earlier } from '../talk.ts';
import { SAMPLES, sample } from './sample.ts';
import { BOARD, OWN, type ShownPicture } from './shown.ts';

/** How many pictures a question may have. */
export const MOST = 16;

/** The pictures by their names, in their order: of a sample; of somebody's own, its hash; of a board, what is on it. */
const inOrder = inAddress('picture', 'scene-1.png');
const names = computed(() => inOrder.value.split(',').filter(Boolean).slice(0, MOST));

/** A picture that the address names, or why it is not here. */
export type Listed =
  | { readonly name: string; readonly picture: ShownPicture }
  | { readonly name: string; readonly fault: string };

export const listed = signal<readonly Listed[]>([]);
/** Those that are here. */
export const pictures = computed(() => listed.value.flatMap((each) => ('picture' in each ? [each.picture] : [])));

/** Whether a picture is somebody's own, by its name. */
const isOwn = (name: string): boolean => name.startsWith(OWN);
/** Whether any is. */
export const someOwn = computed(() => names.value.some(isOwn));

/** Whether pictures that are added leave those of the question where they are. */
export const adding = signal(false);
/** What was wrong with pictures that were added last. */
export const refusals = signal<readonly string[]>([]);
/** How many are being looked at before they are added. */
export const looking = signal(0);

/** Puts pictures into the question: instead of those that are there, or after them. Those of earlier turns stay. */
export function add(added: readonly string[]): void {
  settleDraft();
  const before = adding.value ? names.value : names.value.slice(0, earlier.value);
  const room = MOST - before.length;
  if (added.length > room) refusals.value = [...refusals.value, `a question has at most ${MOST} pictures`];
  setNames([...before, ...added.slice(0, room)]);
}

export function remove(index: number): void {
  settleDraft();
  setNames(names.value.toSpliced(index, 1));
}

/** Exchanges a picture with the next one. */
export function swap(index: number): void {
  settleDraft();
  const [one, two] = names.value.slice(index, index + 2);
  setNames(names.value.toSpliced(index, 2, two, one));
}

/** A board that is being changed: the address learns of it, and the picture is drawn, when it rests. */
const draft = signal<{ readonly index: number; readonly name: string; readonly timer: number } | undefined>(undefined);

/** The name of a picture, of a board as it is this moment. */
export const nameOf = (index: number): string => (draft.value?.index === index ? draft.value.name : names.value[index]);

export function replaceSoon(index: number, name: string): void {
  clearTimeout(draft.value?.timer);
  draft.value = { index, name, timer: window.setTimeout(settleDraft, 200) };
}

function settleDraft(): void {
  const settled = draft.value;
  if (!settled) return;
  clearTimeout(settled.timer);
  draft.value = undefined;
  setNames(names.value.with(settled.index, settled.name));
}

function setNames(next: readonly string[]): void {
  inOrder.value = next.join(',');
}

/** Forgets the pictures that are kept in this browser; those that are shown go with the page. */
export async function forgetOwn(): Promise<void> {
  const { forget } = await import('./keep.ts');
  refusals.value = await forget().then(
    () => ['forgotten: your own pictures are gone when the page is closed'],
    (error: Error) => [`not forgotten: ${error.message}`],
  );
}

/** Adds pictures of somebody's own: files, or pixels of a camera. What cannot be read is said in `refusals`. */
export async function addOwn(sources: readonly ArgumentOf<'see'>[]): Promise<void> {
  refusals.value = [];
  looking.value += sources.length;
  const added: string[] = [];
  for (const source of sources) {
    try {
      const { ownPicture } = await import('./own.ts');
      const { picture, lost } = await ownPicture(source);
      remember(picture.key, Promise.resolve(picture));
      added.push(picture.key);
      if (lost) refusals.value = [...refusals.value, lost];
    } catch (error) {
      refusals.value = [...refusals.value, (error as Error).message];
    } finally {
      looking.value--;
    }
  }
  if (added.length > 0) add(added);
}

/** Pictures by their names: each is made once, and those that were shown last are remembered. */
const known = new Map<string, Promise<ShownPicture>>();

function remember(name: string, picture: Promise<ShownPicture>): Promise<ShownPicture> {
  known.delete(name);
  known.set(name, picture);
  if (known.size > 4 * MOST) known.delete(known.keys().next().value!);
  picture.catch(() => known.delete(name)); // another time it may be there
  return picture;
}

const pictureOf = (name: string): Promise<ShownPicture> => remember(name, known.get(name) ?? made(name));

async function made(name: string): Promise<ShownPicture> {
  if (SAMPLES.includes(name)) return sample(name);
  if (isOwn(name)) return (await import('./own.ts')).keptPicture(name);
  if (name.startsWith(BOARD)) return (await import('../board/draw.ts')).boardPicture(name);
  throw new Error('the address names a picture that this page does not have: remove it');
}

let showing: Promise<void> = Promise.resolve();

/** Waits until the pictures that the address names are shown. */
export async function picturesSettled(): Promise<void> {
  settleDraft();
  for (let waited: typeof showing | undefined; waited !== showing; ) {
    waited = showing;
    await waited;
  }
}

/** Shows the pictures that the address names, now and whenever it names others. */
export function showPictures(): void {
  effect(() => {
    const wanted = names.value;
    const work = Promise.all(
      wanted.map((name) =>
        pictureOf(name).then(
          (picture): Listed => ({ name, picture }),
          (error: Error): Listed => ({ name, fault: error.message }),
        ),
      ),
    ).then((shown) => {
      if (showing === work) listed.value = shown;
    });
    showing = work;
  });
}
