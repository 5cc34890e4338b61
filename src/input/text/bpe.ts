import type { Vocabulary } from './vocabulary.ts';

/** A heap key is rank · 2³² + position, so the least is the leftmost pair of the lowest rank. */
const positions = 2 ** 32;

/**
 * Byte-pair encoding of one piece (a binary string, see vocabulary.ts): of all neighbours whose joined bytes are a token,
 * those of the lowest rank are joined, the leftmost first, until none is left. Returns the ranks.
 *
 * The parts are a linked list over the bytes and the joinable pairs a heap, so n bytes cost n · log n whatever they are.
 */
export function mergeByRank(piece: string, { ranks, longest }: Vocabulary): number[] {
  const length = piece.length;
  if (length === 0) return [];
  const end = new Int32Array(length); // end[p]: where the part that starts at p ends, and the next begins
  const previous = new Int32Array(length); // previous[p]: where the part before begins
  const pairRank = new Int32Array(length).fill(-1); // pairRank[p]: the rank of the part at p joined with the next, or −1
  const heap = createHeap(3 * length); // length − 1 pairs at first, and two more for each of at most length − 1 joins
  const consider = (start: number): void => {
    const stop = end[start] < length ? end[end[start]] : Number.POSITIVE_INFINITY;
    const rank = stop - start <= longest ? ranks.get(piece.slice(start, stop)) : undefined;
    pairRank[start] = rank ?? -1;
    if (rank !== undefined) heap.push(rank * positions + start);
  };

  for (let start = 0; start < length; start++) {
    end[start] = start + 1;
    previous[start] = start - 1;
  }
  for (let start = 0; start < length - 1; start++) consider(start);

  for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
    const start = key % positions;
    // A pair that changed since it was pushed has another rank now (a part only ever grows), or −1 if it was swallowed.
    if (pairRank[start] !== Math.floor(key / positions)) continue;
    const swallowed = end[start];
    end[start] = end[swallowed];
    pairRank[swallowed] = -1;
    if (end[start] < length) previous[end[start]] = start;
    consider(start);
    if (start > 0) consider(previous[start]);
  }

  const result: number[] = [];
  for (let start = 0; start < length; start = end[start]) result.push(ranks.get(piece.slice(start, end[start]))!);
  return result;
}

/** A binary min-heap of numbers with room for `capacity`. */
function createHeap(capacity: number) {
  const keys = new Float64Array(capacity);
  let size = 0;
  return {
    push(key: number): void {
      let place = size++;
      for (let parent = (place - 1) >> 1; place > 0 && keys[parent] > key; parent = (place - 1) >> 1) {
        keys[place] = keys[parent];
        place = parent;
      }
      keys[place] = key;
    },
    pop(): number | undefined {
      if (size === 0) return undefined;
      const least = keys[0];
      const last = keys[--size];
      let place = 0;
      for (let child = 1; child < size; child = 2 * place + 1) {
        if (child + 1 < size && keys[child + 1] < keys[child]) child++;
        if (keys[child] >= last) break;
        keys[place] = keys[child];
        place = child;
      }
      keys[place] = last;
      return least;
    },
  };
}
