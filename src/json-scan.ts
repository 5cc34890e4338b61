/** Deeper than anything that belongs here nests. */
const MOST_NESTING = 64;
/** Lists, objects and the fields of objects: each can take a hundred bytes where its text has three. */
const MOST_PARTS = 2 ** 21;

const [QUOTE, BACKSLASH, COLON, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\:[]{}'].map((character) =>
  character.charCodeAt(0),
);
const isSpace = (code: number) => code === 0x20 || (code >= 0x09 && code <= 0x0d);

/**
 * Looks through a text of JSON before anything is made of it, in time proportional to its length.
 *
 * @param uniqueNames refuses an object that has a field twice: of two readers one might take the first, the other the last
 * @returns what speaks against parsing it; whether it is JSON at all is for the parser to say
 */
export function scanJson(text: string, uniqueNames = false): string | undefined {
  const names: Set<string>[] = [];
  let [nesting, parts] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (uniqueNames && isName(text, end)) {
        const name = nameIn(text.slice(at, end));
        if (names.at(-1)?.has(name)) return `it has the field ${name} twice in one object`;
        names.at(-1)?.add(name);
      }
      at = end - 1;
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      nesting++;
      parts++;
      if (nesting > MOST_NESTING) return `it nests lists and objects more than ${MOST_NESTING} deep`;
      if (uniqueNames) names.push(new Set());
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      nesting--;
      names.pop();
    } else if (code === COLON) parts++;
    if (parts > MOST_PARTS) return `it has more than ${MOST_PARTS} lists, objects and fields`;
  }
  return undefined;
}

/** The index behind the quote that closes the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** Whether a string that ends here is a field's name: a colon follows. */
function isName(text: string, end: number): boolean {
  let at = end;
  while (isSpace(text.charCodeAt(at))) at++;
  return text.charCodeAt(at) === COLON;
}

/** One spelling for all that mean the same: `"a"` and `"\u0061"` are one name. What is no string stays as it is. */
function nameIn(literal: string): string {
  try {
    return JSON.stringify(JSON.parse(literal));
  } catch {
    return literal;
  }
}
