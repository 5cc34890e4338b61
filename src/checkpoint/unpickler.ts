import { CheckpointError } from '../error.ts';
import { quote } from '../quote.ts';
import { DAMAGED } from './byte-source.ts';
import { pickleCursor } from './pickle-cursor.ts';
import { findGlobal } from './torch-globals.ts';
import {
  call,
  describe,
  isKind,
  isTensor,
  type PickleValue,
  type StorageRecord,
  storage,
  type TensorRecord,
  type Unread,
  unread,
} from './torch-values.ts';

export type { StorageRecord, TensorRecord, Unread };

/**
 * Reads the pickle of a state dict as `torch.save` writes it. A pickle is a program for a small stack machine; this one
 * knows the instructions that data needs (protocols 2 to 5), and a call is only ever a word for a tensor, an empty dictionary
 * or something that is passed over. Nothing is executed: what else a pickle asks for is an error that names it. Time and
 * memory are proportional to its length.
 *
 * Source: the comments of CPython's `Lib/pickletools.py`.
 *
 * @param where the file, for errors
 * @returns its tensors by name; numbers, texts and dictionaries beside them are left out
 * @throws CheckpointError
 */
export function readStateDict(pickle: Uint8Array, where: string): Map<string, TensorRecord | Unread> {
  const state = unpickle(pickle, where);
  if (!(state instanceof Map)) {
    throw new CheckpointError(where, `it holds ${describe(state)}, expected a dictionary of tensors`, SAVE_STATE);
  }
  const tensors = new Map<string, TensorRecord | Unread>();
  for (const [name, value] of state) {
    if (!isTensor(value)) continue;
    if (typeof name !== 'string') throw new CheckpointError(where, `a tensor is called ${describe(name)}`, SAVE_STATE);
    tensors.set(name, value);
  }
  const inner = tensors.size === 0 ? entryWithTensors(state) : undefined;
  if (inner !== undefined) {
    const remedy = `save that entry alone: torch.save(torch.load(FILE)[${describe(inner)}], FILE)`;
    throw new CheckpointError(where, `its tensors are in the entry ${describe(inner)}`, remedy);
  }
  return tensors;
}

/** The first entry that is itself a dictionary with tensors. One that many entries have in common is looked through once. */
function entryWithTensors(state: ReadonlyMap<PickleValue, PickleValue>): PickleValue | undefined {
  const seen = new Set<PickleValue>();
  for (const [name, value] of state) {
    if (!(value instanceof Map) || seen.has(value)) continue;
    seen.add(value);
    for (const each of value.values()) if (isTensor(each)) return name;
  }
  return undefined;
}

const SAVE_STATE = 'save the state dict alone: torch.save(model.state_dict(), FILE)';
const DISTRUST = 'do not trust this file';
/** Longer integers than this do not count anything. */
const LONGEST_INTEGER = 8;

function unpickle(pickle: Uint8Array, where: string): PickleValue {
  const refuse = (found: string, remedy = SAVE_STATE) =>
    new CheckpointError(where, `its pickle holds ${found}, which no state dict needs`, remedy);
  const broken = (found: string) => new CheckpointError(where, `its pickle ${found}`, DAMAGED);
  const cursor = pickleCursor(pickle, where);
  let stack: PickleValue[] = [];
  const below: PickleValue[][] = []; // MARK lays the stack aside and begins a new one
  const memo = new Map<number, PickleValue>();

  const push = (value: PickleValue) => void stack.push(value);
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined) throw broken('takes more from its stack than there is');
    return value;
  };
  const top = (): PickleValue => {
    const value = pop();
    push(value);
    return value;
  };
  const sinceMark = (): PickleValue[] => {
    const items = stack;
    const laidAside = below.pop();
    if (!laidAside) throw broken('has no mark where it needs one');
    stack = laidAside;
    return items;
  };
  const last = (count: number) => Array.from({ length: count }, pop).reverse();
  const keep = (index: number) => void memo.set(index, top());
  const recall = (index: number) => {
    const value = memo.get(index);
    if (value === undefined) throw broken(`recalls value ${index}, which it never kept`);
    push(value);
  };
  const append = (items: PickleValue[]) => {
    const list = top();
    if (isKind(list, 'unread') && !list.tensor) return; // of a class that is passed over
    if (!Array.isArray(list)) throw refuse(`items for ${describe(list)}`);
    for (const item of items) list.push(item);
  };
  const setItems = (items: PickleValue[]) => {
    const dictionary = top();
    if (items.length % 2 !== 0) throw broken('has a key without a value');
    if (isKind(dictionary, 'unread') && !dictionary.tensor) return;
    if (!(dictionary instanceof Map)) throw refuse(`entries for ${describe(dictionary)}`);
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
  };
  const long = (length: number) => {
    if (length <= LONGEST_INTEGER) return push(cursor.integer(length));
    cursor.skip(length);
    push(unread('a long integer'));
  };
  const bytes = (length: number) => {
    cursor.skip(length);
    push(unread('bytes'));
  };
  const global = (module: string, attribute: string) => {
    const found = findGlobal(module, attribute);
    if (!found) throw refuse(`the name ${quote(`${module} ${attribute}`)}`, DISTRUST);
    push(found);
  };
  const callWith = (args: number) => {
    const [callee, positional] = last(args);
    push(call(callee, positional, refuse));
  };

  const instructions: Readonly<Record<number, () => void>> = {
    128() {
      const protocol = cursor.byte();
      if (protocol < 2 || protocol > 5) throw refuse(`protocol ${protocol} (expected 2 to 5)`);
    },
    149() {
      // FRAME: how many of the next bytes belong together, which makes no difference
      if (cursor.uint64() > cursor.left()) throw broken('ends in the middle');
    },
    48: () => void pop(), // POP
    49: () => void sinceMark(), // POP_MARK
    50: () => push(top()), // DUP
    78: () => push(null), // NONE
    136: () => push(true), // NEWTRUE
    137: () => push(false), // NEWFALSE
    75: () => push(cursor.byte()), // BININT1
    77: () => push(cursor.uint16()), // BININT2
    74: () => push(cursor.int32()), // BININT
    138: () => long(cursor.byte()), // LONG1
    139: () => long(cursor.uint32()), // LONG4
    71: () => push(cursor.float64()), // BINFLOAT
    140: () => push(cursor.text(cursor.byte())), // SHORT_BINUNICODE
    88: () => push(cursor.text(cursor.uint32())), // BINUNICODE
    141: () => push(cursor.text(cursor.uint64())), // BINUNICODE8
    85: () => push(cursor.text(cursor.byte())), // SHORT_BINSTRING, a text of Python 2
    84: () => push(cursor.text(cursor.uint32())), // BINSTRING
    67: () => bytes(cursor.byte()), // SHORT_BINBYTES
    66: () => bytes(cursor.uint32()), // BINBYTES
    142: () => bytes(cursor.uint64()), // BINBYTES8
    150: () => bytes(cursor.uint64()), // BYTEARRAY8
    40() {
      // MARK
      below.push(stack);
      stack = [];
    },
    41: () => push([]), // EMPTY_TUPLE
    133: () => push(last(1)), // TUPLE1
    134: () => push(last(2)), // TUPLE2
    135: () => push(last(3)), // TUPLE3
    116() {
      const items = sinceMark(); // TUPLE; not inside push, which must see the stack from before the mark
      push(items);
    },
    93: () => push([]), // EMPTY_LIST
    97: () => append(last(1)), // APPEND
    101: () => append(sinceMark()), // APPENDS
    125: () => push(new Map()), // EMPTY_DICT
    115: () => setItems(last(2)), // SETITEM
    117: () => setItems(sinceMark()), // SETITEMS
    143: () => push(unread('a set')), // EMPTY_SET
    144: () => append(sinceMark()), // ADDITEMS
    145() {
      sinceMark(); // FROZENSET
      push(unread('a set'));
    },
    113: () => keep(cursor.byte()), // BINPUT
    114: () => keep(cursor.uint32()), // LONG_BINPUT
    148: () => keep(memo.size), // MEMOIZE
    104: () => recall(cursor.byte()), // BINGET
    106: () => recall(cursor.uint32()), // LONG_BINGET
    99: () => global(cursor.line(), cursor.line()), // GLOBAL
    147() {
      // STACK_GLOBAL
      const [module, attribute] = last(2);
      if (typeof module !== 'string' || typeof attribute !== 'string') {
        throw refuse(`the name ${describe(module)} ${describe(attribute)}`, DISTRUST);
      }
      global(module, attribute);
    },
    82: () => callWith(2), // REDUCE
    129: () => callWith(2), // NEWOBJ
    146: () => callWith(3), // NEWOBJ_EX: its arguments by name are of no consequence for what is passed over
    81: () => push(storage(pop(), refuse)), // BINPERSID
    98() {
      // BUILD sets attributes. Of a dictionary only `OrderedDict._metadata` occurs, and it is not read here.
      const attributes = pop();
      const of = top();
      if (isKind(of, 'unread') && !of.tensor) return;
      const isMetadata = attributes instanceof Map && attributes.size === 1 && attributes.has('_metadata');
      if (!isMetadata || !(of instanceof Map)) throw refuse(`attributes for ${describe(of)}`);
    },
  };

  if (pickle.length > 0 && pickle[0] !== PROTOCOL) {
    throw new CheckpointError(where, 'its pickle is of protocol 0 or 1, or none', SAVE_STATE);
  }
  for (;;) {
    const opcode = cursor.byte();
    if (opcode === STOP) return pop();
    const run = instructions[opcode];
    if (!run) throw refuse(`the instruction 0x${opcode.toString(16).padStart(2, '0')}`, DISTRUST);
    run();
  }
}

const [PROTOCOL, STOP] = [0x80, 0x2e];
