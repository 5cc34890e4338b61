/** How annotated sets and pages are cleaned (the paper's appendix on data of stage 2). */

/** Of several people's answers to a question the one they were surest of together (VQAv2): the first of equals. */
export function mostConfident(
  answers: readonly { readonly answer: string; readonly confidence: 'yes' | 'maybe' | 'no' }[],
) {
  const weights = { yes: 1, maybe: 0.5, no: 0 };
  const sums = new Map<string, number>();
  for (const { answer, confidence } of answers) sums.set(answer, (sums.get(answer) ?? 0) + weights[confidence]);
  return [...sums].reduce<[string, number] | undefined>(
    (best, sum) => (best && best[1] >= sum[1] ? best : sum),
    undefined,
  )?.[0];
}

/** A phrase of a caption that has boxes: from its first character to behind its last. */
export interface LabelledSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * The most labels of a caption of which none lies in another or overlaps it, as the paper takes them from GRIT: greedily the one that ends first,
 * which leaves most room for others (so no choice has more); of those that end together the shortest.
 */
export function withoutNested<Span extends LabelledSpan>(spans: readonly Span[]): Span[] {
  const kept: Span[] = [];
  let free = 0;
  for (const span of [...spans].sort((a, b) => a.end - b.end || b.start - a.start)) {
    if (span.start < free || span.end <= span.start) continue;
    kept.push(span);
    free = span.end;
  }
  return kept;
}

/** A page of a document, rendered. */
export interface Page {
  readonly width: number;
  readonly height: number;
  readonly text: string;
}

/** The paper names the rules, not their limits. */
export const PAGE_LIMITS = { side: 224, characters: [10, 4000] } as const;

/** Why a rendered page is dropped, by rule; null where it is not. */
export const PAGE_RULES = {
  size({ width, height }: Page, { side }: { readonly side: number } = PAGE_LIMITS) {
    const shorter = Math.min(width, height);
    return shorter >= side ? null : `${shorter} pixels on a side, fewer than ${side}`;
  },
  characters(
    { text }: Page,
    { characters: [least, most] }: { readonly characters: readonly [number, number] } = PAGE_LIMITS,
  ) {
    const count = [...text.replace(/\s/gu, '')].length;
    return count >= least && count <= most ? null : `${count} characters, expected ${least} to ${most}`;
  },
} as const;
