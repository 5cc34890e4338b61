/**
 * CIDEr-D (Vedantam et al. 2015, "CIDEr", arXiv 1411.5726, equations 2, 3 and 6), the variant that the common tool, coco-caption, calls CIDEr: how
 * alike a caption and its references are in their runs of one to four words, each weighted by how rare it is among the references.
 *
 * ```
 * g(c)  = tf(c) · (log N − log max(1, df))
 * score = 10 / (4 · refs) · Σ over n and refs of e^(−(l − l')² / 72) · Σ min(g, g') · g' / (‖g‖ · ‖g'‖)
 * ```
 *
 * A corpus has a score, not a caption alone: with one picture every weight is log 1 = 0. The most is 10.
 *
 * Quirk: with a norm of 0 the tool divides 0 by 0 and all becomes no number; a later version, as here, leaves the term 0.
 *
 * @returns the score of each caption; their mean is the corpus'
 */
export function cider(items: readonly { readonly answer: string; readonly references: readonly string[] }[]): number[] {
  const references = items.map((item) => item.references.map((text) => runsIn(words(text))));
  const frequency = new Map<string, number>();
  for (const runs of references) {
    for (const run of new Set(runs.flatMap((counts) => [...counts.keys()]))) {
      frequency.set(run, (frequency.get(run) ?? 0) + 1);
    }
  }
  const vector = (counts: Counts) => weighted(counts, frequency, Math.log(items.length));
  return items.map(({ answer }, i) => {
    const given = vector(runsIn(words(answer)));
    const similarities = references[i].map((counts) => similarity(given, vector(counts)));
    return (10 * similarities.reduce((a, b) => a + b, 0)) / references[i].length;
  });
}

/** Runs of words, joined by spaces, and how often each is there. */
type Counts = ReadonlyMap<string, number>;

const LONGEST_RUN = 4;
const DEVIATION = 6;

function runsIn(text: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (let n = 1; n <= LONGEST_RUN; n++) {
    for (let at = 0; at + n <= text.length; at++) {
      const run = text.slice(at, at + n).join(' ');
      counts.set(run, (counts.get(run) ?? 0) + 1);
    }
  }
  return counts;
}

interface Weighted {
  /** By the length of the runs. */
  readonly weights: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  /** How many words. */
  readonly length: number;
}

function weighted(counts: Counts, frequency: Counts, logItems: number): Weighted {
  const weights = Array.from({ length: LONGEST_RUN }, () => new Map<string, number>());
  let length = 0;
  for (const [run, count] of counts) {
    const n = run.split(' ').length;
    weights[n - 1].set(run, count * (logItems - Math.log(Math.max(1, frequency.get(run) ?? 0))));
    if (n === 1) length += count;
  }
  const norms = weights.map((each) => Math.sqrt([...each.values()].reduce((sum, weight) => sum + weight * weight, 0)));
  return { weights, norms, length };
}

function similarity(a: Weighted, b: Weighted): number {
  const penalty = Math.exp(-((a.length - b.length) ** 2) / (2 * DEVIATION ** 2));
  const each = a.weights.map((weights, n) => {
    const other = b.weights[n];
    const shared = [...weights].reduce((sum, [run, weight]) => {
      const theirs = other.get(run) ?? 0;
      return sum + Math.min(weight, theirs) * theirs;
    }, 0);
    const norm = a.norms[n] * b.norms[n];
    return norm === 0 ? 0 : (shared / norm) * penalty;
  });
  return each.reduce((x, y) => x + y) / LONGEST_RUN;
}

/**
 * The words of a caption: small letters, no punctuation, a negation and a possessive by themselves (`do n't`, `dog 's`), as the tool's Penn
 * Treebank tokenizer writes them. Chinese has no spaces: every character is a word, where its users cut words by other tools.
 */
export function words(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replace(/(?<=\p{L})n't\b/gu, " n't")
      .replace(/(?<=[\p{L}\p{N}])'(s|re|ve|ll|d|m)\b/gu, " '$1")
      .match(
        /n't|'(?:s|re|ve|ll|d|m)\b|\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{N}])+(?:[.,:/_-](?:(?!\p{Script=Han})[\p{L}\p{N}])+)*/gu,
      ) ?? []
  );
}
