import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { mutateBytes } from './mutate-bytes.ts';
import type { Random } from './random.ts';

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

function chunksOf(file: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 8; at < file.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    chunks.push({ type, data: file.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

function write(chunks: readonly Chunk[]): Uint8Array {
  const parts = chunks.flatMap(({ type, data }) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, 'latin1');
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(data, crc32(head.subarray(4))));
    return [head, data, checksum];
  });
  return new Uint8Array(Buffer.concat([SIGNATURE, ...parts]));
}

/** Half of the cases are changed inside one chunk, pixels before they are compressed, so that all around it is sound. */
export function mutatePng(random: Random, files: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.5)) return mutateBytes(random, files);
  const chunks = chunksOf(random.pick(files));
  const at = random.below(chunks.length);
  const { type, data } = chunks[at];
  const changed =
    type === 'IDAT' && random.chance(0.7)
      ? deflateSync(
          mutateBytes(random, [
            inflateSync(Buffer.concat(chunks.filter((chunk) => chunk.type === type).map((chunk) => chunk.data))),
          ]),
        )
      : mutateBytes(random, [data]);
  const rest = chunks.filter((chunk, index) => index === at || type !== 'IDAT' || chunk.type !== 'IDAT');
  return write(rest.map((chunk) => (chunk === chunks[at] ? { type, data: changed } : chunk)));
}
