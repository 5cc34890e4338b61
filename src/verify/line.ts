import { visible } from '../quote.ts';

/** Whether a text from elsewhere can be printed as part of a line: nothing in it breaks the line, commands a terminal or is unseen. */
export const isLine = (text: string): boolean => visible(text) === text;

/** A text from elsewhere, fit for a line: cut when it is long, never within a character, and what could do harm becomes spaces. */
export function toLine(text: string, longest = 1000): string {
  const cut = text.length > longest ? text.slice(0, longest).replace(/[\ud800-\udbff]$/, '') : text;
  return visible(cut, () => ' ');
}
