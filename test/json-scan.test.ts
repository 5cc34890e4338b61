import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointError } from '../src/error.ts';
import { parseJson } from '../src/fields.ts';
import { scanJson } from '../src/json-scan.ts';
import { processorTime } from './processor-time.ts';

test('any JSON is parsed as ever, spaced or not, in bytes or as text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(4), (value, space) => {
      const text = JSON.stringify(value, undefined, space);
      expect(scanJson(text, true)).toBeUndefined();
      expect(parseJson(text, 'x', 'again', { uniqueNames: true })).toEqual(JSON.parse(text));
      expect(parseJson(new TextEncoder().encode(text), 'x')).toEqual(JSON.parse(text));
    }),
  );
});

test('what is no JSON is an error of one kind, however it is cut off or changed', () => {
  const text = JSON.stringify({ a: [1, { 'b"\\': 'c\\"' }], d: { a: null } });
  fc.assert(
    fc.property(fc.nat(text.length), fc.string({ maxLength: 3 }), fc.boolean(), (at, inserted, cut) => {
      const changed = text.slice(0, at) + inserted + (cut ? '' : text.slice(at));
      try {
        expect(parseJson(changed, 'x', 'again', { uniqueNames: true })).toEqual(JSON.parse(changed));
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    }),
  );
});

test.each([
  ['{"a":1,"a":2}', '"a"'],
  ['{"a":1,"b":[{"c":1, "c" : 2}]}', '"c"'],
  ['{"a":1,"\\u0061":2}', '"a"'],
  ['{"":1,"x":{},"":2}', '""'],
])('a field twice: %s', (text, name) => {
  expect(scanJson(text, true)).toContain(`the field ${name} twice`);
  expect(scanJson(text)).toBeUndefined();
});

test('the same name in two objects, and as a value, is no field twice', () => {
  for (const text of [
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":["a","a"]}',
    '{"a":{"a":{"a":1}}}',
    '{"a":"\\":1,\\"a\\":"}',
  ]) {
    expect(scanJson(text, true)).toBeUndefined();
  }
});

test('nesting has a limit, and what only looks like it has none', () => {
  expect(scanJson(`${'['.repeat(64)}${']'.repeat(64)}`)).toBeUndefined();
  expect(scanJson('['.repeat(65))).toContain('more than 64 deep');
  expect(scanJson(`"${'['.repeat(1000)}"`)).toBeUndefined();
  expect(scanJson(`[${'[],'.repeat(1000)}[]]`)).toBeUndefined();
});

test('64 MB that would take gigabytes are refused in a moment', async () => {
  for (const text of ['['.repeat(2 ** 26), '{},'.repeat(2 ** 24), `"${'\\"'.repeat(2 ** 25)}`]) {
    const refused = () => expect(() => parseJson(text, 'x')).toThrow(CheckpointError);
    expect(await processorTime(refused)).toBeLessThan(3000);
  }
});
