/** Measures of one answer against its references, as the released evaluation scripts compute them (QwenLM/Qwen-VL, eval_mm). */

/** 1 where the answer is one of the references but for spaces around it and capitals, else 0 (GQA, OCR-VQA, AI2D). */
export function exactMatch(answer: string, references: readonly string[]): number {
  const given = answer.trim().toLowerCase();
  return references.some((reference) => reference.trim().toLowerCase() === given) ? 1 : 0;
}

/**
 * Relaxed accuracy (Masry et al. 2022, "ChartQA", arXiv 2203.10244, section 5.1): a number may be off by 5 %, a text must be the reference.
 * A percentage is a hundredth.
 *
 * Quirk: the released script hands answer and reference over the wrong way round, so that 5 % are of what the model said, not of the truth.
 * Quirk: where the model says 0, it is compared as text: `0.0` is not `0`.
 */
export function relaxedAccuracy(answer: string, references: readonly string[]): number {
  const given = answer.trim();
  const said = numberIn(given);
  const right = references.some((reference) => {
    const meant = numberIn(reference);
    if (meant !== undefined && said) return Math.abs(meant - said) / Math.abs(said) <= 0.05;
    return reference.toLowerCase() === given.toLowerCase();
  });
  return right ? 1 : 0;
}

/** As Python's `float` reads it, but for the names of what is no number; `%` makes it a hundredth. */
function numberIn(text: string): number | undefined {
  const percent = text.endsWith('%');
  const digits = (percent ? text.replace(/%+$/, '') : text).trim();
  if (!/^[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits)) return undefined;
  return Number(digits.replaceAll('_', '')) / (percent ? 100 : 1);
}

/**
 * Average normalised Levenshtein similarity (Biten et al. 2019, "Scene text visual question answering", arXiv 1905.13648, equation 1) of the
 * nearest reference: 1 − distance / length of the longer, and 0 below a half. DocVQA's script, which the released one calls.
 *
 * Quirk: capitals and spaces do not count as different, but the length is that of the texts as they are, spaces around them included.
 * Quirk: a similarity of exactly a half counts; the paper leaves it out.
 */
export function anls(answer: string, references: readonly string[]): number {
  const plain = (text: string) => [...text.trim().toLowerCase().split(/\s+/).join(' ')];
  const given = plain(answer);
  const distances = references.map((reference) => {
    const length = Math.max([...reference].length, [...answer].length);
    return length === 0 ? 0 : editDistance(plain(reference), given) / length;
  });
  const similarity = 1 - Math.min(...distances);
  return similarity < 0.5 ? 0 : similarity;
}

/** The fewest characters to insert, delete or replace (Levenshtein 1966), row by row. */
export function editDistance(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, character] of a.entries()) {
    const next = [i + 1];
    for (const [j, other] of b.entries()) {
      next.push(character === other ? row[j] : 1 + Math.min(row[j], row[j + 1], next[j]));
    }
    row = next;
  }
  return row[b.length];
}
