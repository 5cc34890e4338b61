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
