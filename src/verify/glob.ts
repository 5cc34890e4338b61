import { InputError } from '../error.ts';
import { quote } from '../quote.ts';

/**
 * A test for names by patterns, in which `*` stands for any characters and `?` for one: `transformer.h.*.mlp`.
 *
 * @returns whether a name fits one of them
 */
export function glob(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const escaped = pattern.replace(/\*+/g, '*').replace(/[.+^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}

/**
 * Asserts that every pattern fits some name: one that fits none is misspelt, and what it was to check would be left out in silence.
 *
 * @param where what was asked, for the error
 * @throws InputError naming the patterns that fit nothing
 */
export function requireFound(patterns: readonly string[] | undefined, names: Iterable<string>, where: string): void {
  const all = [...names];
  const lost = (patterns ?? []).filter((pattern) => !all.some(glob([pattern])));
  if (lost.length === 0) return;
  const found = `no activation is called ${lost.map((pattern) => quote(pattern)).join(' or ')}`;
  throw new InputError(where, found, 'see "qvl inspect --taps" for the names');
}
