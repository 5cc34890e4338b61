/**
 * VQA accuracy (Antol et al. 2015, "VQA", arXiv 1505.00468, section 3, with the official script's averaging): for each person leave that
 * person's answer out, and count who of the others said the same: three are enough, `min(1, others / 3)`; the mean over all persons.
 *
 * Quirk: the model's answer is always made plain, with digits for small numbers and without articles; people's answers lose only their
 * punctuation, and that only where not all say the same. So a reference `The dog` is never met.
 *
 * @param answers what people said, usually ten
 */
export function vqaAccuracy(answer: string, answers: readonly string[]): number {
  const given = withoutArticles(withoutPunctuation(answer.replace(/[\n\t]/g, ' ').trim()));
  const said = new Set(answers).size > 1 ? answers.map(withoutPunctuation) : answers;
  const scores = said.map((_, person) => {
    const others = said.filter((other, i) => i !== person && other === given).length;
    return Math.min(1, others / 3);
  });
  return scores.reduce((a, b) => a + b, 0) / scores.length;
}

const PUNCTUATION = [...';/[]"{}()=+\\_-><@`,?!'];
const MOST_PERIODS = 32;

/**
 * Quirk: a mark is taken out where a space is beside it anywhere in the text, or where a comma stands between two digits anywhere; else it
 * becomes a space.
 * Quirk: a period goes unless a digit follows, and what was meant to ask for one before it asks nothing; a constant that stands where the number
 * of replacements belongs makes them at most 32.
 */
function withoutPunctuation(text: string): string {
  let plain = text;
  for (const mark of PUNCTUATION) {
    const out = text.includes(`${mark} `) || text.includes(` ${mark}`) || /\d,\d/.test(text);
    plain = plain.replaceAll(mark, out ? '' : ' ');
  }
  let left = MOST_PERIODS;
  return plain.replace(/\.(?!\d)/g, (period) => (left-- > 0 ? '' : period));
}

const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const DIGITS = new Map([['none', '0'], ...NUMBERS.map((word, number): [string, string] => [word, String(number)])]);
const ARTICLES: ReadonlySet<string> = new Set(['a', 'an', 'the']);

function withoutArticles(text: string): string {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const kept = words.map((word) => DIGITS.get(word) ?? word).filter((word) => !ARTICLES.has(word));
  return kept.map((word) => CONTRACTIONS.get(word) ?? word).join(' ');
}

/** The contractions that are mended where an apostrophe is missing, of several any one. */
const CONTRACTED =
  `ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's
  how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock oughtn't 'ow's'at
  shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's
  something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't
  we'd've we've weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're
  why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've`.split(/\s+/);

/** Quirk: of `somebody'd` the table has the two sides exchanged. */
const CONTRACTIONS = new Map([
  ...CONTRACTED.flatMap((word) =>
    [...word.matchAll(/'/g)].map(({ index }): [string, string] => [word.slice(0, index) + word.slice(index + 1), word]),
  ),
  ["somebody'd", 'somebodyd'],
]);
