import { zip } from '../checkpoint/torch-writer.ts';
import { mutateBytes } from './mutate-bytes.ts';
import type { Random } from './random.ts';

/** Bytes of the argument that follows an instruction; the others have none, or one of no fixed length. */
const ARGUMENT: Readonly<Record<number, number>> = {
  ...{ 128: 1, 75: 1, 77: 2, 74: 4, 71: 8, 149: 8 },
  ...{ 113: 1, 114: 4, 104: 1, 106: 4 },
};
/** Bytes of the length that follows an instruction, and of which the argument follows. */
const LENGTH: Readonly<Record<number, number>> = {
  138: 1,
  139: 4,
  140: 1,
  88: 4,
  141: 8,
  67: 1,
  66: 4,
  142: 8,
  150: 8,
};
const GLOBAL = 99;
const LOCAL_HEADER = 0x04034b50;
const LARGEST = 2 ** 19;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const concat = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** The instructions of a pickle that is sound, each with its argument. */
function instructionsOf(pickle: Uint8Array): Uint8Array[] {
  const instructions: Uint8Array[] = [];
  const lineEnd = (from: number) => pickle.indexOf(0x0a, from) + 1;
  for (let at = 0; at < pickle.length; ) {
    const opcode = pickle[at];
    let end = at + 1 + (ARGUMENT[opcode] ?? 0);
    const bytes = LENGTH[opcode];
    if (bytes) end = at + 1 + bytes + Buffer.from(pickle).readUIntLE(at + 1, Math.min(bytes, 6));
    if (opcode === GLOBAL) end = lineEnd(lineEnd(at + 1));
    instructions.push(pickle.subarray(at, end));
    at = end;
  }
  return instructions;
}

type Edit = (list: Uint8Array[], random: Random, other: readonly Uint8Array[]) => unknown;

const EDITS: readonly (readonly [weight: number, edit: Edit])[] = [
  [3, (list, random) => list.splice(random.below(list.length), 1 + random.below(random.pick([1, 4, 40])))],
  // one of another pickle, here or in place of this
  [3, (list, random, other) => list.splice(random.below(list.length), random.below(2), random.pick(other))],
  // another argument of the same length
  [
    4,
    (list, random) => {
      const at = random.below(list.length);
      const argument = list[at].subarray(1);
      const changed = mutateBytes(random, [argument]).subarray(0, argument.length);
      list[at] = concat([list[at].subarray(0, 1), changed, argument.subarray(changed.length)]);
    },
  ],
  // some several times, now and then very often
  [
    3,
    (list, random) => {
      const at = random.below(list.length);
      const chunk = list.slice(at, at + 1 + random.below(random.pick([1, 4, 40])));
      const most = Math.floor(LARGEST / concat(chunk).length);
      const times = random.chance(0.05) ? most : Math.min(most, 1 + random.below(random.pick([1, 40])));
      list.splice(at, 0, concat(Array<Uint8Array[]>(times).fill(chunk).flat()));
    },
  ],
  // two that change places
  [
    2,
    (list, random) => {
      const [a, b] = [random.below(list.length), random.below(list.length)];
      [list[a], list[b]] = [list[b], list[a]];
    },
  ],
];

/** A pickle whose instructions are changed, or half of the time its bytes. */
export function mutatePickle(random: Random, pickles: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.5)) return mutateBytes(random, pickles);
  const list = instructionsOf(random.pick(pickles));
  const other = instructionsOf(random.pick(pickles));
  for (let edits = 1 + random.below(random.pick([1, 3, 8])); edits > 0 && list.length > 0; edits--) {
    random.weighted(EDITS)(list, random, other);
  }
  return concat(list);
}

/** The files inside an archive whose local headers say how long they are. */
function entriesOf(archive: Uint8Array): [name: string, data: Uint8Array][] {
  const view = viewOf(archive);
  const entries: [string, Uint8Array][] = [];
  for (let at = 0; view.getUint32(at, true) === LOCAL_HEADER; ) {
    const name = at + 30;
    const start = name + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
    const end = start + view.getUint32(at + 18, true);
    const nameEnd = name + view.getUint16(at + 26, true);
    entries.push([Buffer.from(archive.subarray(name, nameEnd)).toString(), archive.subarray(start, end)]);
    at = end;
  }
  return entries;
}

/** An archive around files that are changed, renamed, removed or there twice; or half of the time its bytes are changed. */
export function mutateArchive(random: Random, archives: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.5)) return mutateBytes(random, archives);
  const entries = entriesOf(random.pick(archives));
  const at = random.chance(0.6) ? 0 : random.below(entries.length); // the pickle is the first
  const [name, data] = entries[at];
  const mutate = at === 0 ? mutatePickle : mutateBytes;
  const names = entries.map(([each]) => each);
  random.weighted<() => unknown>([
    [8, () => entries.splice(at, 1, [name, mutate(random, [data])])],
    [1, () => entries.splice(at, 1)],
    [1, () => entries.splice(at, 1, [random.pick([...names, 'data.pkl', '../data.pkl', '/etc/passwd', '']), data])],
    [1, () => entries.push([random.pick(names), data])],
  ])();
  return zip(entries, { zip64: random.chance(0.3), method: random.chance(0.05) ? 8 : 0 });
}
