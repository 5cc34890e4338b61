import type { Tokenizer } from '../input/text/tokenizer.ts';
import type { Sequence } from './batch.ts';

/** A stretch of a text, and whether the loss is on it. */
export interface Span {
  readonly text: string;
  readonly supervised: boolean;
}

/** A sequence as text, cut where supervision begins or ends. */
export function spansOf(tokenizer: Tokenizer, { ids, labels }: Sequence): Span[] {
  const spans: Span[] = [];
  for (let from = 0; from < ids.length; ) {
    const supervised = labels[from] >= 0;
    let end = from + 1;
    while (end < ids.length && labels[end] >= 0 === supervised) end++;
    spans.push({ text: tokenizer.decode(ids.subarray(from, end)), supervised });
    from = end;
  }
  return spans;
}
