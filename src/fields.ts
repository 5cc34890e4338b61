import { CheckpointError } from './error.ts';
import { kindOf } from './file-kind.ts';
import { scanJson } from './json-scan.ts';
import { quote } from './quote.ts';

/**
 * A reader of the fields of one JSON object, which collects what is wrong with them. A bad number reads as NaN; null is as good as
 * left out.
 */
export interface Fields {
  integer(name: string, least: number, most: number, absent?: number): number;
  /** One whole number or a list of them; none where it is left out. */
  integers(name: string, least: number, most: number): readonly number[];
  number(name: string, least: number, most: number, absent?: number): number;
  boolean(name: string, absent?: boolean): boolean;
  oneOf<Word extends string>(name: string, words: readonly Word[], absent: Word): Word;
  /** The fields of an object inside this one; what is wrong with them is collected here. */
  object(name: string): Fields;
  /** A relation between numbers; it is not judged where one of them could not be read. */
  rule(numbers: readonly number[], holds: boolean, problem: string): void;
  /** Ends the reading. @throws CheckpointError that names everything that was wrong */
  finish(): void;
}

/**
 * Parses an untrusted file of JSON, in a memory that its length bounds.
 *
 * @param options.uniqueNames refuses objects that have a field twice
 * @throws CheckpointError when it is none, says what it is instead where that can be told, or nests too deep
 */
export function parseJson(
  content: Uint8Array | string,
  where: string,
  remedy = 'get it again',
  { uniqueNames = false } = {},
): unknown {
  try {
    const text = typeof content === 'string' ? content : new TextDecoder('utf-8', { fatal: true }).decode(content);
    const fault = scanJson(text, uniqueNames);
    if (fault) throw new CheckpointError(where, fault, remedy);
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    const kind = typeof content === 'string' ? undefined : kindOf(content);
    if (kind && !kind.what.includes('JSON')) {
      throw new CheckpointError(where, `it is not JSON but ${kind.what}`, kind.remedy, { cause });
    }
    throw new CheckpointError(where, 'it is not JSON', remedy, { cause });
  }
}

/**
 * Reads an untrusted JSON object field by field.
 *
 * @param where the file, for the error
 * @param remedy what to do when something is wrong
 * @throws CheckpointError when it is no object
 */
export function readFields(json: unknown, where: string, remedy: string): Fields {
  const faults: Faults = { missing: [], problems: [] };
  if (!isObject(json)) throw new CheckpointError(where, `found ${quote(json)}, expected an object`, remedy);
  return fieldsOf(json, '', faults, () => {
    const { missing, problems } = faults;
    const found = missing.length > 0 ? [`${missing.join(', ')} missing`, ...problems] : problems;
    if (found.length > 0) throw new CheckpointError(where, found.join('; '), remedy);
  });
}

interface Faults {
  readonly missing: string[];
  readonly problems: string[];
}

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function fieldsOf(json: Readonly<Record<string, unknown>>, prefix: string, faults: Faults, finish: () => void): Fields {
  const find = <Value>(name: string, absent: Value | undefined, wanted: string, fits: (value: unknown) => boolean) => {
    const own = Object.hasOwn(json, name) ? json[name] : undefined;
    const value = own ?? absent ?? own; // null is "not set": what has no other value is said to be null
    if (fits(value)) return value as Value;
    if (value === undefined) faults.missing.push(prefix + name);
    else faults.problems.push(`${prefix}${name} is ${quote(value)}, expected ${wanted}`);
    return undefined;
  };
  const between = (least: number, most: number) => (value: unknown) =>
    typeof value === 'number' && value >= least && value <= most;
  const whole = (least: number, most: number) => (value: unknown) =>
    Number.isSafeInteger(value) && between(least, most)(value);
  return {
    integer: (name, least, most, absent) =>
      find(name, absent, `a whole number from ${least} to ${most}`, whole(least, most)) ?? Number.NaN,
    integers(name, least, most) {
      const fits = (value: unknown) => [value].flat().every(whole(least, most));
      return [find<number | number[]>(name, [], `whole numbers from ${least} to ${most}`, fits) ?? []].flat();
    },
    number: (name, least, most, absent) =>
      find(name, absent, `a number from ${least} to ${most}`, between(least, most)) ?? Number.NaN,
    boolean: (name, absent) => find(name, absent, 'true or false', (value) => typeof value === 'boolean') ?? false,
    oneOf: (name, words, absent) =>
      find(name, absent, words.map(quote).join(' or '), (value) => (words as readonly unknown[]).includes(value)) ??
      absent,
    object(name) {
      const value = find(name, undefined, 'an object', isObject);
      // Of a part that is missing altogether only that is said.
      return fieldsOf(
        isObject(value) ? value : {},
        `${prefix}${name}.`,
        value ? faults : { missing: [], problems: [] },
        finish,
      );
    },
    rule(numbers, holds, problem) {
      if (!holds && !numbers.some(Number.isNaN)) faults.problems.push(problem);
    },
    finish,
  };
}
