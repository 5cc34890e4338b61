import { readFileSync } from 'node:fs';

const folder = new URL('../../golden/preprocess/', import.meta.url);

/** What PIL and torchvision make of each picture: `X.rgb`, `X.resized`, `X.pixels` (golden/preprocess). */
const file = readFileSync(new URL('preprocess.safetensors', folder));
const headerLength = Number(file.readBigUInt64LE(0));
const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
  file.subarray(8, 8 + headerLength).toString(),
);

/** The bytes of a tensor; floating-point ones are compared bit by bit. */
export function goldenBytes(name: string): Uint8Array {
  const [start, end] = header[name].data_offsets;
  return new Uint8Array(file.subarray(8 + headerLength + start, 8 + headerLength + end));
}

export const pictureBytes = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));

/** Each picture with its size, and the side S that it is resized to. */
export const pictures: { file: string; kind: string; width: number; height: number; size: number }[] = JSON.parse(
  readFileSync(new URL('preprocess.json', folder), 'utf8'),
);
