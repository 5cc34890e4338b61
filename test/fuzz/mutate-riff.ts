import { mutateBytes } from './mutate-bytes.ts';
import type { Random } from './random.ts';

/** Where the chunks of a frame begin, behind its place and size. */
const FRAME_HEADER = 16;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const chunks: Chunk[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const type = String.fromCharCode(...bytes.subarray(at, at + 4));
    chunks.push({ type, data: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

function written(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.flatMap(({ type, data }) => {
    const head = Buffer.alloc(8);
    head.write(type, 'latin1');
    head.writeUInt32LE(data.length, 4);
    return [head, data, Buffer.alloc(data.length % 2)];
  });
  return Buffer.concat(parts);
}

/** One chunk changed, left out, repeated, moved, or replaced by another file's; in a frame, one of the chunks in it. */
function edited(chunks: readonly Chunk[], random: Random, others: readonly Chunk[]): Chunk[] {
  const at = random.below(chunks.length);
  const chunk = chunks[at];
  if (chunk.type === 'ANMF' && chunk.data.length > FRAME_HEADER && random.chance(0.6)) {
    const inside = chunksOf(chunk.data.subarray(FRAME_HEADER));
    const data = Buffer.concat([chunk.data.subarray(0, FRAME_HEADER), written(edited(inside, random, others))]);
    return chunks.with(at, { type: chunk.type, data: new Uint8Array(data) });
  }
  const change = random.weighted<() => Chunk[]>([
    [6, () => chunks.with(at, { type: chunk.type, data: mutateBytes(random, [chunk.data]) })],
    [1, () => chunks.toSpliced(at, 1)],
    [1, () => chunks.toSpliced(at, 0, chunk)],
    [1, () => chunks.toSpliced(at, 1).toSpliced(random.below(chunks.length), 0, chunk)],
    [2, () => chunks.with(at, random.pick(others))],
  ]);
  return change();
}

/** Half of the cases are changed chunk by chunk, so that all lengths are right. */
export function mutateRiff(random: Random, files: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.5)) return mutateBytes(random, files);
  const [file, other] = [random.pick(files), random.pick(files)];
  const chunks = edited(chunksOf(file.subarray(12)), random, chunksOf(other.subarray(12)));
  const body = Buffer.concat([Buffer.from('WEBP'), written(chunks)]);
  return new Uint8Array(written([{ type: 'RIFF', data: body }]));
}
