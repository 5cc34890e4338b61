const LONGEST = 60;

/** What was found in a file, fit for a message of one line: in quotes, without control characters, cut when it is long. */
export function quote(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  const text = value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value;
  // JSON escapes the ASCII control characters; these others can also break a line or command a terminal.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replace(/[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g, escaped);
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
