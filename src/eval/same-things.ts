/**
 * 1 where a caption names the things that a reference names, as often, in whatever order, else 0: captions of made scenes name them from
 * left to right, and two that stand one below the other have no order that anybody sees.
 */
export function sameThings(answer: string, references: readonly string[]): number {
  const named = namedIn(answer);
  return references.some((reference) => namedIn(reference) === named) ? 1 : 0;
}

/** How a caption begins, and what it lists, in one order. */
function namedIn(caption: string): string {
  const [, beginning = '', list] = /^(.*? shows |图\d*中有)?(.*?)[.。]?$/s.exec(caption.trim().toLowerCase())!;
  return [beginning, ...list.split(/, | and |、|和/).sort()].join('\n');
}
