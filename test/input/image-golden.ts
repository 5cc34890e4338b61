import { readFileSync } from 'node:fs';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';

const folder = new URL('../../golden/preprocess/', import.meta.url);
const rarerFolder = new URL('../../golden/pictures/', import.meta.url);

/** What PIL and torchvision make of each picture: `X.rgb`, `X.resized`, `X.pixels` (golden/preprocess). */
const bytes = new Uint8Array(readFileSync(new URL('preprocess.safetensors', folder)));
const { tensors } = await openSafetensors(memorySource(bytes, 'preprocess.safetensors'));

const read = new Map(
  await Promise.all([...tensors.values()].map(async (stored) => [stored.name, await stored.read()] as const)),
);

/** The bytes of a tensor; floating-point ones are compared bit by bit. */
export const goldenBytes = (name: string): Uint8Array => read.get(name) as Uint8Array;

export const pictureBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));

/** Pictures of rarer kinds, of which only the hash of PIL's bytes is kept; `refused` where PIL refuses. */
export const rarer: (
  | { file: string; what: string; width: number; height: number; sha256: string; refused?: never }
  | { file: string; what: string; refused: true }
)[] = JSON.parse(readFileSync(new URL('pictures.json', rarerFolder), 'utf8'));

export const rarerBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, rarerFolder)));

/** Each picture with its size, and the side S that it is resized to. */
export const pictures: { file: string; kind: string; width: number; height: number; size: number }[] = JSON.parse(
  readFileSync(new URL('preprocess.json', folder), 'utf8'),
);
