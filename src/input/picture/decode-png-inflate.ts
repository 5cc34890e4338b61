/** A zlib stream read in pieces of the reader's choice. What is not asked for is never inflated: that disarms bombs. */
export interface Inflated {
  /** The next `count` bytes if they are at hand; valid until the next call. */
  take(count: number): Uint8Array | undefined;
  /** Waits for the next `count` bytes. @throws Error when the stream is damaged or ends before. */
  fill(count: number): Promise<Uint8Array>;
  close(): void;
}

export function inflate(parts: Uint8Array<ArrayBuffer>[]): Inflated {
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  let piece = new Uint8Array(0);
  let at = 0;

  function take(count: number): Uint8Array | undefined {
    if (at + count > piece.length) return undefined;
    at += count;
    return piece.subarray(at - count, at);
  }

  async function fill(count: number): Promise<Uint8Array> {
    const result = new Uint8Array(count);
    for (let filled = 0; filled < count; ) {
      if (at === piece.length) {
        const next = await reader.read();
        if (next.done) throw new Error('the pixel data are cut');
        piece = next.value;
        at = 0;
      }
      const step = Math.min(count - filled, piece.length - at);
      result.set(piece.subarray(at, at + step), filled);
      at += step;
      filled += step;
    }
    return result;
  }

  return { take, fill, close: () => void reader.cancel().catch(() => {}) };
}
