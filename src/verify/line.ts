/** What breaks a line, commands a terminal, turns the direction of writing, or is half a character and fits no UTF-8. */
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

/** Whether a text from elsewhere can be printed as part of a line. */
export const isLine = (text: string): boolean => !CONTROL.test(text);

/** A text from elsewhere, fit for a line: what could do harm becomes spaces, the rest is cut when it is long. */
export const toLine = (text: string, longest = 1000): string =>
  text.replace(new RegExp(CONTROL, 'gu'), ' ').slice(0, longest);
