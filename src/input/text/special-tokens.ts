/** Which special tokens a text may contain: what is not named is ordinary text, even if it looks like one. */
export type SpecialUse = 'all' | 'image-tags' | 'grounding-tags' | 'none';

/** The ids that follow the ranks of the vocabulary, 217 in all, and their spelling. */
export type SpecialTokens = {
  readonly endOfText: number;
  readonly imStart: number;
  readonly imEnd: number;
  readonly refStart: number;
  readonly refEnd: number;
  readonly boxStart: number;
  readonly boxEnd: number;
  readonly quadStart: number;
  readonly quadEnd: number;
  readonly imageStart: number;
  readonly imageEnd: number;
  readonly imagePad: number;
  /** Spellings in the order of their ids, the first of which is `endOfText`. */
  readonly names: readonly string[];
  /** The id of each spelling. */
  readonly ids: ReadonlyMap<string, number>;
};

const extraCount = 205;
const groundingTags = ['<ref>', '</ref>', '<box>', '</box>', '<quad>', '</quad>'];
const imageTags = ['<img>', '</img>', '<imgpad>'];
const names = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  ...Array.from({ length: extraCount }, (_, index) => `<|extra_${index}|>`),
  ...groundingTags,
  ...imageTags,
];

const recognised: Record<SpecialUse, ReadonlySet<string>> = {
  all: new Set(names),
  'image-tags': new Set([...groundingTags, ...imageTags]),
  'grounding-tags': new Set(groundingTags),
  none: new Set(),
};

/** The special tokens of a vocabulary with `rankCount` ranks: the count alone sets the ids, so any vocabulary has them. */
export function specialTokens(rankCount: number): SpecialTokens {
  const ids = new Map(names.map((name, index) => [name, rankCount + index]));
  const tag = rankCount + 3 + extraCount;
  return {
    endOfText: rankCount,
    imStart: rankCount + 1,
    imEnd: rankCount + 2,
    refStart: tag,
    refEnd: tag + 1,
    boxStart: tag + 2,
    boxEnd: tag + 3,
    quadStart: tag + 4,
    quadEnd: tag + 5,
    imageStart: tag + 6,
    imageEnd: tag + 7,
    imagePad: tag + 8,
    names,
    ids,
  };
}

/**
 * Cuts a text at the special tokens in use: `[text, name, text, name, … text]`, texts at the even places (perhaps empty).
 * One linear pass: what has the shape of a special token holds no second `<`, so it can hide none.
 */
export function splitAtSpecialTokens(text: string, use: SpecialUse): string[] {
  if (use === 'none') return [text];
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(/<(?:\|\w+\||\/?\w+)>/g)) {
    if (!recognised[use].has(match[0])) continue;
    parts.push(text.slice(from, match.index), match[0]);
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}
