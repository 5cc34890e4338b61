import { effect } from '@preact/signals';
import { failed, pictureOf, pictures, type ShownPicture, samples, settled } from './exchange.ts';

/** Put here by the build. */
declare const SAMPLE_FILES: readonly string[];

/** Pictures that the page comes with. */
export const SAMPLES: readonly string[] = SAMPLE_FILES;

const fetched = new Map<string, Promise<ShownPicture>>();

/** A sample by its name. */
function sample(name: string): Promise<ShownPicture> {
  const before = fetched.get(name);
  if (before) return before;
  const picture = fetch(`pictures/${name}`).then(async (response) => {
    if (!response.ok) throw new Error(`${name}: the server says ${response.status}`);
    return pictureOf(name, new Uint8Array(await response.arrayBuffer()));
  });
  fetched.set(name, picture);
  return picture;
}

let showing: Promise<void> | undefined;

/** Shows the samples that the address names, now and whenever it names others. */
export function showSamples(): void {
  settled.pictures = async () => showing;
  effect(() => {
    const names = samples.value.split(',').filter((name) => SAMPLES.includes(name));
    if (names.length === 0) return;
    showing = Promise.all(names.map(sample)).then(
      (shown) => {
        pictures.value = shown;
      },
      (error: Error) => {
        failed.value = error.message;
      },
    );
  });
}
