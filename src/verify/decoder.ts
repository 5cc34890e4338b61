import { CheckpointError } from '../error.ts';
import { isObject } from '../fields.ts';
import { quote } from '../quote.ts';
import { isLine } from './line.ts';

/** Checks an untrusted JSON value and types it. `at` is where it stands, such as `runs[2].device`. */
export type Decoder<Value> = (value: unknown, at: string) => Value;

const refuse = (at: string, found: unknown, expected: string) =>
  new CheckpointError(at, `${quote(found)}, expected ${expected}`, 'write the file again with what made it');

/** A number; the names of those that JSON cannot hold stand for them. */
export const number: Decoder<number> = (value, at) => {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  throw refuse(at, value, 'a number');
};

export const atLeast =
  (least: number): Decoder<number> =>
  (value, at) => {
    const found = number(value, at);
    if (Number.isNaN(found) || found < least) throw refuse(at, value, `a number from ${least} on`);
    return found;
  };

export const whole =
  (least: number, most: number): Decoder<number> =>
  (value, at) => {
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    throw refuse(at, value, `a whole number from ${least} to ${most}`);
  };

/** A text of one line: what could command a terminal is refused. */
export const line =
  (longest = 1000): Decoder<string> =>
  (value, at) => {
    if (typeof value === 'string' && value.length <= longest && isLine(value)) return value;
    throw refuse(at, value, `a line of at most ${longest} characters`);
  };

export const oneOf =
  <Word extends string | number | boolean>(...words: readonly Word[]): Decoder<Word> =>
  (value, at) => {
    const word = words.find((known) => known === value);
    if (word === undefined) throw refuse(at, value, words.map((known) => quote(known)).join(' or '));
    return word;
  };

export const list =
  <Value>(item: Decoder<Value>, most: number): Decoder<Value[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length > most) throw refuse(at, value, `a list of at most ${most}`);
    return value.map((each, i) => item(each, `${at}[${i}]`));
  };

/** An object with any keys, all of one kind. */
export const recordOf =
  <Value>(item: Decoder<Value>, most: number): Decoder<Record<string, Value>> =>
  (value, at) => {
    const entries = isObject(value) ? Object.entries(value) : undefined;
    if (!entries || entries.length > most) throw refuse(at, value, `an object of at most ${most} entries`);
    return Object.fromEntries(entries.map(([key, each]) => [line(200)(key, at), item(each, `${at}.${key}`)]));
  };

/** Marks a field that may be absent. */
export const optional = <Value>(decoder: Decoder<Value>): Optional<Value> => ({ decoder });

interface Optional<Value> {
  readonly decoder: Decoder<Value>;
}

type Field = Decoder<unknown> | Optional<unknown>;
type Required<Fields> = {
  [Name in keyof Fields as Fields[Name] extends Decoder<unknown> ? Name : never]: Fields[Name] extends Decoder<
    infer Value
  >
    ? Value
    : never;
};
type Absent<Fields> = {
  [Name in keyof Fields as Fields[Name] extends Decoder<unknown> ? never : Name]?: Fields[Name] extends Optional<
    infer Value
  >
    ? Value
    : never;
};

/** An object with these fields; others are left out. */
export const object =
  <Fields extends Readonly<Record<string, Field>>>(fields: Fields): Decoder<Required<Fields> & Absent<Fields>> =>
  (value, at) => {
    if (!isObject(value)) throw refuse(at, value, 'an object');
    const found: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const there = Object.hasOwn(value, name);
      if (typeof field === 'function') found[name] = field(there ? value[name] : undefined, `${at}.${name}`);
      else if (there) found[name] = field.decoder(value[name], `${at}.${name}`);
    }
    // Every field was decoded by the decoder that its type comes from.
    return found as Required<Fields> & Absent<Fields>;
  };
