import { DeviceError } from '../error.ts';

/** Places in one WebAssembly memory. */
export interface Heap {
  readonly memory: WebAssembly.Memory;
  /** @returns the offset of so many bytes, at a multiple of 64. @throws DeviceError when the memory cannot become so large */
  allocate(bytes: number): number;
  free(offset: number): void;
  /** How many bytes are in use. */
  readonly used: number;
}

/** A cache line: kernels of two threads never write to one. */
const ALIGNMENT = 64;
/** Kernels may read a little beyond what they are given. */
const MARGIN = 64;
const PAGE = 65_536;

interface Gap {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * First fit over a list of gaps, sorted by offset; neighbours are joined when they are freed.
 *
 * @param mostPages that the memory may have
 */
export function createHeap(memory: WebAssembly.Memory, mostPages: number): Heap {
  const gaps: Gap[] = [];
  const sizes = new Map<number, number>();
  let used = 0;
  let end = ALIGNMENT; // offset 0 means "absent" to kernels

  function atTheEnd(bytes: number): number {
    const last = gaps.at(-1);
    const offset = last && last.offset + last.bytes === end ? last.offset : end;
    const missing = Math.ceil((offset + bytes + MARGIN - memory.buffer.byteLength) / PAGE);
    if (offset + bytes + MARGIN > mostPages * PAGE) {
      throw new DeviceError(
        `simd: ${(used / 1e9).toFixed(1)} GB in use and ${(bytes / 1e9).toFixed(1)} GB more do not fit ${(mostPages / 16_384).toFixed(mostPages < 16_384 ? 3 : 0)} GiB; give less --memory, so that weights are streamed`,
      );
    }
    if (missing > 0) grow(memory, missing);
    if (offset < end) gaps.pop();
    end = offset + bytes;
    return offset;
  }

  return {
    memory,
    get used() {
      return used;
    },
    allocate(wanted) {
      const bytes = Math.max(ALIGNMENT, Math.ceil(wanted / ALIGNMENT) * ALIGNMENT);
      const index = gaps.findIndex((gap) => gap.bytes >= bytes);
      const gap = gaps[index];
      const offset = gap ? gap.offset : atTheEnd(bytes);
      if (gap) {
        const rest = gap.bytes - bytes;
        gaps.splice(index, 1, ...(rest > 0 ? [{ offset: offset + bytes, bytes: rest }] : []));
      }
      sizes.set(offset, bytes);
      used += bytes;
      return offset;
    },
    free(offset) {
      const bytes = sizes.get(offset);
      if (bytes === undefined) throw new RangeError(`nothing is allocated at ${offset}`);
      sizes.delete(offset);
      used -= bytes;
      const index = firstAfter(gaps, offset);
      const [left, right] = [gaps[index - 1], gaps[index]];
      const joinsLeft = left !== undefined && left.offset + left.bytes === offset;
      const joinsRight = right !== undefined && offset + bytes === right.offset;
      const start = joinsLeft ? left.offset : offset;
      const stop = joinsRight ? right.offset + right.bytes : offset + bytes;
      const first = joinsLeft ? index - 1 : index;
      gaps.splice(first, Number(joinsLeft) + Number(joinsRight), { offset: start, bytes: stop - start });
    },
  };
}

/** The index of the first gap behind an offset, by halves. */
function firstAfter(gaps: readonly Gap[], offset: number): number {
  let [low, high] = [0, gaps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (gaps[middle].offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function grow(memory: WebAssembly.Memory, pages: number): void {
  try {
    memory.grow(pages);
  } catch (cause) {
    const gigabytes = (memory.buffer.byteLength / 1e9).toFixed(1);
    throw new DeviceError(`simd: no more memory after ${gigabytes} GB; close other programs, or give less --memory`, {
      cause,
    });
  }
}
