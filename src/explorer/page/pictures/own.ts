/** Pictures of somebody's own: an address cannot hold them, so they are kept in this browser under their hash, which it names. */
import type { Seen } from '../../engine/see.ts';
import type { ArgumentOf } from '../../engine/services.ts';
import { call } from '../engine.ts';
import { keep, kept } from './keep.ts';
import { OWN, type ShownPicture } from './shown.ts';

/**
 * Has the engine look at a picture, and keeps it.
 *
 * @returns with a sentence where it could not be kept
 * @throws EngineError: what is wrong with it
 */
export async function ownPicture(
  argument: ArgumentOf<'see'>,
): Promise<{ readonly picture: ShownPicture; readonly lost: string | undefined }> {
  const seen = await call('see', argument);
  const picture = await shownOf(seen);
  try {
    await keep(seen);
    return { picture, lost: undefined };
  } catch (error) {
    const why = (error as Error).message;
    return { picture, lost: `${seen.name} is not kept in this browser (${why}): it is gone when the page is closed` };
  }
}

/** One that was kept, by its name in the address. @throws Error when it is not here */
export async function keptPicture(key: string): Promise<ShownPicture> {
  const seen = await kept(key.slice(OWN.length)).catch(() => undefined);
  if (seen) return shownOf(seen);
  throw new Error('it was somebody’s own and is not kept in this browser: add it again, or remove it');
}

const shownOf = async ({ name, hash, pixels, view }: Seen): Promise<ShownPicture> => ({
  key: OWN + hash,
  name,
  source: pixels,
  address: await dataUrl(view),
});

/** Unlike an object URL it needs nobody to free it. */
export function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(new Error('the picture cannot be read'));
    reader.readAsDataURL(blob);
  });
}
