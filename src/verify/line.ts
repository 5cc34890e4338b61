import { visible } from '../quote.ts';

/** Whether a text from elsewhere can be printed as part of a line: nothing in it breaks the line, commands a terminal or is unseen. */
export const isLine = (text: string): boolean => visible(text) === text;

/** A text from elsewhere, fit for a line: what could do harm becomes spaces, the rest is cut when it is long. */
export const toLine = (text: string, longest = 1000): string => {
  const line = visible(text, () => ' ');
  // A cut may not leave half a character.
  return line.length > longest ? line.slice(0, longest).replace(/[\ud800-\udbff]$/, '') : line;
};
