/** Base64 (RFC 4648, section 4), alike in Node and in pages. */

/** What `String.fromCharCode` takes at once, a multiple of 3. */
const chunk = 3 * 2 ** 13;

export function encodeBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + chunk))));
  }
  return parts.join('');
}

/**
 * Strict: whole groups of four, padded, no white space, and no bits set that stand for nothing.
 * @throws Error that says what is wrong, and where
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const wrong = /[^A-Za-z0-9+/]/.exec(text);
  const length = wrong ? wrong.index : text.length;
  const padding = text.length - length;
  if (padding > 0 && !/^==?$/.test(text.slice(length, length + 3))) {
    throw new Error(`a character that is not of base64 at ${length}`);
  }
  if (text.length % 4 !== 0) throw new Error(`${text.length} characters of base64, not a multiple of 4`);
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const step = (chunk / 3) * 4;
  for (let from = 0, to = 0; from < text.length; from += step, to += chunk) {
    const binary = atob(text.slice(from, from + step));
    for (let i = 0; i < binary.length; i++) bytes[to + i] = binary.charCodeAt(i);
  }
  const last = text.slice(-4);
  if (padding > 0 && encodeBase64(bytes.subarray(-(3 - padding))) !== last)
    throw new Error('stray bits at the end of base64');
  return bytes;
}
