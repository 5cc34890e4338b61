import { mutateJson } from './mutate-json.ts';
import type { Random } from './random.ts';

/** A safetensors file whose header says something else, or says it damaged, with the length that belongs to it. */
export function mutateHeader(random: Random, files: readonly Uint8Array[]): Uint8Array {
  const file = random.pick(files);
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = new TextDecoder().decode(file.subarray(8, 8 + length));
  const changed = new TextEncoder().encode(mutateJson(random, [header]));
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(changed.length), true);
  return new Uint8Array(Buffer.concat([prefix, changed, file.subarray(8 + length)]));
}
