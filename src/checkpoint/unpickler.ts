import { CheckpointError } from '../error.ts';
import { quote } from '../quote.ts';
import { DAMAGED } from './byte-source.ts';
import { pickleCursor } from './pickle-cursor.ts';
import { call, describe, findGlobal, isKind, type PickleValue, storage, type TensorRecord } from './torch-globals.ts';

/**
 * Reads the pickle of a state dict as `torch.save` writes it. A pickle is a program for a small stack machine; this one
 * knows the instructions that a dictionary of tensors needs (protocol 2), and a call is only ever a word for a tensor or an
 * empty dictionary. Nothing is executed: whatever else a pickle asks for is an error that names it. Time and memory are
 * proportional to its length.
 *
 * Source: the comments of CPython's `Lib/pickletools.py`.
 *
 * @param where the file, for errors
 * @throws CheckpointError
 */
export function readStateDict(pickle: Uint8Array, where: string): Map<string, TensorRecord> {
  const state = unpickle(pickle, where);
  const remedy = 'save the state dict alone, as the published shards are';
  if (!(state instanceof Map)) {
    throw new CheckpointError(where, `it holds ${describe(state)}, expected a dictionary of tensors`, remedy);
  }
  const tensors = new Map<string, TensorRecord>();
  for (const [name, value] of state) {
    if (!isKind(value, 'tensor')) {
      throw new CheckpointError(where, `${quote(name)} is ${describe(value)}, expected a tensor`, remedy);
    }
    tensors.set(name, value);
  }
  return tensors;
}

function unpickle(pickle: Uint8Array, where: string): PickleValue {
  const refuse = (found: string) =>
    new CheckpointError(where, `its pickle holds ${found}, which no state dict needs`, 'do not trust this file');
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
    if (!Array.isArray(list)) throw refuse(`items for ${describe(list)}`);
    for (const item of items) list.push(item);
  };
  const setItems = (items: PickleValue[]) => {
    const dictionary = top();
    if (!(dictionary instanceof Map)) throw refuse(`entries for ${describe(dictionary)}`);
    if (items.length % 2 !== 0) throw broken('has a key without a value');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key !== 'string') throw refuse(`the key ${describe(key)}`);
      dictionary.set(key, items[i + 1]);
    }
  };

  const instructions: Readonly<Record<number, () => void>> = {
    128() {
      const protocol = cursor.byte();
      if (protocol !== 2) throw refuse(`protocol ${protocol} (expected 2)`);
    },
    78: () => push(null), // NONE
    136: () => push(true), // NEWTRUE
    137: () => push(false), // NEWFALSE
    75: () => push(cursor.byte()), // BININT1
    77: () => push(cursor.uint16()), // BININT2
    74: () => push(cursor.int32()), // BININT
    138() {
      // LONG1
      const length = cursor.byte();
      if (length > 8) throw refuse(`a number of ${length} bytes`);
      push(cursor.integer(length));
    },
    88: () => push(cursor.text(cursor.uint32())), // BINUNICODE
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
    113: () => keep(cursor.byte()), // BINPUT
    114: () => keep(cursor.uint32()), // LONG_BINPUT
    104: () => recall(cursor.byte()), // BINGET
    106: () => recall(cursor.uint32()), // LONG_BINGET
    99() {
      // GLOBAL
      const name = `${cursor.line()} ${cursor.line()}`;
      const found = findGlobal(name);
      if (!found) throw refuse(`the name ${quote(name)}`);
      push(found);
    },
    82() {
      // REDUCE
      const [callee, args] = last(2);
      push(call(callee, args, refuse));
    },
    81: () => push(storage(pop(), refuse)), // BINPERSID
    98() {
      // BUILD sets attributes; only `OrderedDict._metadata` occurs, and nobody here reads it.
      const attributes = pop();
      const isMetadata = attributes instanceof Map && attributes.size === 1 && attributes.has('_metadata');
      if (!isMetadata || !(top() instanceof Map)) throw refuse(`attributes for ${describe(top())}`);
    },
  };

  for (;;) {
    const opcode = cursor.byte();
    if (opcode === 0x2e) return pop(); // STOP
    const run = instructions[opcode];
    if (!run) throw refuse(`the instruction 0x${opcode.toString(16).padStart(2, '0')}`);
    run();
  }
}
