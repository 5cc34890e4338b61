const LONGEST = 60;

/** Scripts whose letters join or stack: there a joiner between letters is spelling (Persian, Hindi, Malayalam …). */
const JOINING = [
  ...['Arabic', 'Syriac', 'Nko', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil'],
  ...['Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Myanmar', 'Khmer', 'Tibetan', 'Balinese', 'Javanese'],
].map((script) => `\\p{Script=${script}}`);

/**
 * What cannot be seen and is kept, as it is part of what is seen: the joiners of emoji and of joining scripts, the letters of a
 * flag, one variation selector behind an emoji or a Chinese character.
 */
const PART_OF_A_CHARACTER = [
  String.raw`(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d`,
  String.raw`(?<=[${JOINING.join('')}])[\u200c\u200d]`,
  String.raw`(?<=\p{Emoji})[\ufe0e\ufe0f]`,
  String.raw`(?<=\u{1f3f4}[\u{e0020}-\u{e007e}]{0,6})[\u{e0020}-\u{e007f}]`,
  String.raw`(?<=\p{Script=Han})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
].join('|');

/**
 * What breaks a line, commands a terminal, turns the direction of writing, or has no width: controls, line and paragraph
 * separators, halves of characters, and all that Unicode calls ignorable where it is not shown.
 */
const UNSEEN = new RegExp(String.raw`(?!${PART_OF_A_CHARACTER})[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{DI}\ufff9-\ufffb]`, 'gu');

/** A character by its number, as JavaScript spells it. */
const spelled = (character: string): string => {
  const code = character.codePointAt(0)!.toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
};

/**
 * A text from elsewhere, fit for a line on a terminal: what cannot be seen is spelled out (`\u202e`), all else stays, Chinese,
 * emoji and combining marks too.
 *
 * @param show what to put there instead of a character at an index, undefined to spell it out
 */
export const visible = (text: string, show?: (character: string, at: number) => string | undefined): string =>
  text.replace(UNSEEN, (character: string, at: number) => show?.(character, at) ?? spelled(character));

/** The first characters of a text, none of them cut in half, and a mark where there are more. */
export function shorten(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const half = /[\ud800-\udbff]/.test(text[longest - 1]);
  return `${text.slice(0, half ? longest - 1 : longest)}…`;
}

/** What was found in a file, fit for a message of one line: in quotes, nothing unseen in it, cut when it is long. */
export function quote(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return visible(JSON.stringify(shorten(value, LONGEST))); // JSON escapes quotes, and says "\n" for what visible spells out
}

/** The first few of many findings, with how many are left out. */
export function some(findings: readonly string[], most = 5): string {
  const more = findings.length > most ? ` and ${findings.length - most} more` : '';
  return findings.slice(0, most).join(', ') + more;
}

/** The first few of many names. */
export function quoteSome(names: readonly string[]): string {
  return some(names.map(quote));
}
