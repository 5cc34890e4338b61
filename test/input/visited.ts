/**
 * How many characters the string methods and regular expressions look at while `work` runs: a measure of its time that no
 * other process disturbs. A search is counted from where it starts to where it ends, a copy by its length.
 */
export function visitedCharacters(work: () => void): number {
  let visited = 0;
  const { slice, indexOf, split, startsWith, endsWith } = String.prototype;
  const { exec } = RegExp.prototype;
  try {
    String.prototype.slice = function (this: string, ...range) {
      const result = slice.apply(this, range);
      visited += result.length;
      return result;
    };
    String.prototype.indexOf = function (this: string, search, from = 0) {
      const at = indexOf.call(this, search, from);
      visited += (at < 0 ? this.length : at) - from;
      return at;
    };
    String.prototype.split = function (this: string, ...how: [never]) {
      visited += this.length;
      return split.apply(this, how);
    };
    String.prototype.startsWith = function (this: string, search, ...from) {
      visited += search.length;
      return startsWith.call(this, search, ...from);
    };
    String.prototype.endsWith = function (this: string, search, ...from) {
      visited += search.length;
      return endsWith.call(this, search, ...from);
    };
    // `match`, `matchAll`, `replace` and `test` call it too. A match can be shorter than what was looked at only by a bounded
    // number of characters: no expression of the project backtracks over more.
    RegExp.prototype.exec = function (this: RegExp, text) {
      const from = this.global ? this.lastIndex : 0;
      const match = exec.call(this, text);
      visited += (match ? match.index + match[0].length : text.length) - from;
      return match;
    };
    work();
  } finally {
    Object.assign(String.prototype, { slice, indexOf, split, startsWith, endsWith });
    RegExp.prototype.exec = exec;
  }
  return visited;
}

/** Texts of about 100,000 characters that make a parser go over the same ground again, if it ever does. */
export const hostileTexts: readonly string[] = [
  '<ref>',
  '<ref>a',
  '<ref></ref>',
  '<box>(1,2),',
  '<box>1',
  '<box>((((',
  '</quad>',
  '<box>(1,2),(3,4)</box>',
  '<box>(1,2),(3,4)',
  '<img>',
  '<img></img>',
  '<img>a',
  '</img>',
  '<imgpad>',
  'Picture 1: <img>',
  'Picture 1: ',
  '<',
  '<ref',
  '(1,',
  '1',
  ' ',
  'a\n',
  ' Answer:',
  ' Answer: ',
].map((part) => part.repeat(Math.ceil(100_000 / part.length)));
