import { mutateText } from './mutate-text.ts';
import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** JSON has no sign for these: they are written in place of such a text, and `1e999` reads as infinity. */
const RAW = '\ue000raw:';
const LITERALS = ['1e999', '-1e999', '-0', '1e-400', '9007199254740993', '1E400', '123456789012345678901234567890'];

const VALUES: readonly Json[] = [
  ...[null, true, false, 0, 1, -1, 0.5, 1e-9, 3, 255, 256, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53, 1e300],
  ...['', '0', 'NaN', 'Infinity', '-Infinity', '../../../etc/passwd', '/etc/passwd', '.', 'a\0b', '\n', '\x1b[2J'],
  ...['x'.repeat(5000), '\ud800', [], {}, [[]], [{}], [1, 2, 3], { a: 1 }],
  ...LITERALS.map((literal) => RAW + literal),
];
const KEYS = ['__proto__', 'constructor', 'toString', 'length', '', '0', '\n', 'x'.repeat(300), '_input'];

/** A place in a document: an entry of an object or a list. */
interface Place {
  readonly parent: { [key: string]: Json };
  readonly key: string;
}

function places(root: Json): Place[] {
  const found: Place[] = [];
  const visit = (value: Json) => {
    if (typeof value !== 'object' || value === null) return;
    const parent = value as { [key: string]: Json }; // a list is one too, with its indices for keys
    // Of a long list a part will do.
    for (const key of Object.keys(parent).slice(0, 200)) {
      found.push({ parent, key });
      visit(parent[key]);
    }
  };
  visit(root);
  return found;
}

/**
 * Sets an entry to a copy, so that no later edit changes two places, or the values that are picked from. It calls no
 * setters: `__proto__` is a key like any other.
 */
const set = (parent: object, key: string, value: Json) =>
  Object.defineProperty(parent, key, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });

const EDITS: readonly (readonly [
  weight: number,
  edit: (at: Place, random: Random, all: readonly Place[]) => unknown,
])[] = [
  [6, ({ parent, key }, random) => set(parent, key, random.pick(VALUES))],
  [4, changeNumber],
  [3, ({ parent, key }) => (Array.isArray(parent) ? parent.splice(Number(key), 1) : delete parent[key])],
  // another value of the same document
  [
    3,
    ({ parent, key }, random, all) => {
      const other = random.pick(all);
      set(parent, key, other.parent[other.key] ?? null);
    },
  ],
  // one entry more
  [
    3,
    ({ parent, key }, random) => {
      const value = parent[key];
      if (!Array.isArray(parent)) return set(parent, random.chance(0.5) ? random.pick(KEYS) : `${key}2`, value);
      // Copies of copies would fill the memory.
      const times = JSON.stringify(value).length < 1000 ? random.pick([1, 3, 500]) : 1;
      return parent.push(...Array.from({ length: times }, () => structuredClone(value)));
    },
  ],
  // deep nesting
  [
    1,
    ({ parent, key }, random) => {
      let value: Json = parent[key];
      for (let depth = random.pick([1, 20, 300]); depth > 0; depth--)
        value = random.chance(0.5) ? [value] : { a: value };
      set(parent, key, value);
    },
  ],
];

function changeNumber({ parent, key }: Place, random: Random): void {
  const value = parent[key];
  if (typeof value === 'number')
    set(parent, key, random.pick([-value, value + 1, value - 1, 2 * value, value / 2, value + 0.5]));
  else if (typeof value === 'string') set(parent, key, mutateText(random, [value]).slice(0, 10_000));
}

/** A JSON document, changed in a few of its entries; now and then as it is, or as text that may be JSON no more. */
export function mutateJson(random: Random, documents: readonly string[]): string {
  const text = random.pick(documents);
  if (random.chance(0.02)) return text;
  if (random.chance(0.15)) return mutateText(random, documents);
  const root = { root: JSON.parse(text) as Json };
  for (let edits = 1 + random.below(random.pick([1, 3, 6])); edits > 0; edits--) {
    // The first place is the document itself.
    const all = places(root);
    if (all.length === 0) break;
    const inside = all.length > 1 && random.chance(0.99) ? all.slice(1) : all;
    random.weighted(EDITS)(random.pick(inside), random, all);
  }
  return (JSON.stringify(root.root) ?? '').replaceAll(/"\ue000raw:([^"]*)"/g, '$1');
}
