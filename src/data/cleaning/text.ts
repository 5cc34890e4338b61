/** What is taken out of a web text before it is judged (the paper's appendix: "clean the HTML-tagged part", "clean irregular patterns"). */

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Tags, comments and the commonest entities of HTML go; words stay. Linear in the text. */
export function stripHtml(text: string): string {
  return text
    .replace(/<\/?[a-zA-Z][^<>]*>/g, ' ')
    .replace(/<!--[^<>]*-->/g, ' ')
    .replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{2,6}));/g, (whole, decimal, hexadecimal, name) => {
      const code = decimal ? Number(decimal) : Number.parseInt(hexadecimal, 16);
      if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : whole;
      return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
    });
}

/** Patterns that describe no picture. The paper names none; these are what its examples of web texts hold. */
const IRREGULAR: readonly (readonly [RegExp, string])[] = [
  [/\b(?:https?:\/\/|www\.)\S+/gi, ' '],
  [/(?<!\S)[@#]\p{L}[\p{L}\p{N}_]*/gu, ' '], // names and marks of networks
  [/(?<![\w-])[\w-]{1,200}\.(?:jpe?g|png|gif|webp|bmp)\b/gi, ' '],
  [/\[[^[\]]{0,40}\]/g, ' '], // [edit], [photo by …]
  [/([!?.,;:*=_~|-])\1{2,}/g, '$1'],
  [/\p{White_Space}+/gu, ' '],
];

/** A web text as it is judged and trained on. */
export function cleanText(text: string): string {
  return IRREGULAR.reduce((cleaned, [pattern, by]) => cleaned.replace(pattern, by), stripHtml(text)).trim();
}

/** A caption of an academic set without its special tags (`<PERSON>`, `[UNK]`, `<s>`). */
export const withoutSpecialTags = (caption: string): string =>
  caption
    .replace(/<\/?[A-Za-z_]{1,20}>|\[[A-Z_]{1,20}\]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
