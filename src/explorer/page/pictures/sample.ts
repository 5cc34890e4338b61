import type { ShownPicture } from './shown.ts';

/** Put here by the build. */
declare const SAMPLE_FILES: readonly string[];

/** Pictures that the page comes with. */
export const SAMPLES: readonly string[] = SAMPLE_FILES;

export const addressOf = (sample: string): string => `pictures/${sample}`;

/** A sample by its name. */
export async function sample(name: string): Promise<ShownPicture> {
  const response = await fetch(addressOf(name)).catch(() => undefined);
  if (!response?.ok) throw new Error(`${name} cannot be fetched: is the server still there?`);
  return { key: name, name, source: new Uint8Array(await response.arrayBuffer()), address: addressOf(name) };
}
