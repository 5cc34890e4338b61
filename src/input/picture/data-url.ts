/** Data URLs of pictures (RFC 2397), base64 or percent-encoded. */
import { ImageError } from '../../error.ts';
import { quote } from '../../quote.ts';
import { decodeBase64 } from './base64.ts';
import { maximumFileBytes } from './image.ts';

/** `data:image/…`, parameters, `;base64`; what follows the comma is the picture. */
const head = /^data:(?:(image\/[\w.+-]+)(?:;[\w.+-]+=[\w.+%-]+)*)?(;base64)?,/i;
const longestHead = 256;

/**
 * The bytes in a data URL. It must be strictly one: a media type of pictures, no white space, no fragment, whole base64
 * groups, escapes of two hexadecimal digits. Which kind of picture it is, its bytes tell, as in a file.
 * @throws ImageError when it is not, or holds more than a file may
 */
export function decodeDataUrl(url: string, name = 'data URL'): Uint8Array<ArrayBuffer> {
  const remedy = 'give data:image/png;base64,… or the like';
  if (url.length > 3 * maximumFileBytes + longestHead) throw tooLarge(name);
  const match = head.exec(url.slice(0, longestHead));
  if (!match) {
    const start = /^data:[^,]{0,40}/i.exec(url)?.[0] ?? url.slice(0, 10);
    throw new ImageError(name, `${quote(start)}, which begins no data URL of a picture`, remedy);
  }
  if (!match[1]) throw new ImageError(name, 'no media type, which means plain text', remedy);
  const body = url.slice(match[0].length);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    // "+", "/" and "=" have meanings of their own in other URLs: base64 may be escaped as well.
    bytes = match[2] ? decodeBase64(unescaped(body)) : percentDecoded(body);
  } catch (cause) {
    throw new ImageError(name, (cause as Error).message, remedy, { cause });
  }
  if (bytes.length > maximumFileBytes) throw tooLarge(name);
  return bytes;
}

const unescaped = (text: string) =>
  text.includes('%') ? text.replace(/%([\da-f]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16))) : text;

/** The characters that RFC 2396 lets stand for themselves; all else is escaped, as "%" and two digits. */
function percentDecoded(text: string): Uint8Array<ArrayBuffer> {
  const wrong = /[^\w.!~*'();/?:@&=+$,%-]|%(?![\da-f]{2})/i.exec(text);
  if (wrong) throw new Error(`${quote(wrong[0])} at ${wrong.index} of its data, which must be escaped`);
  const escapes = text.match(/%/g)?.length ?? 0;
  const bytes = new Uint8Array(text.length - 2 * escapes);
  for (let from = 0, to = 0; to < bytes.length; from++, to++) {
    if (text[from] !== '%') {
      bytes[to] = text.charCodeAt(from);
      continue;
    }
    bytes[to] = parseInt(text.slice(from + 1, from + 3), 16);
    from += 2;
  }
  return bytes;
}

const tooLarge = (name: string) =>
  new ImageError(name, `more than ${maximumFileBytes / 2 ** 20} MB`, 'make the picture smaller');
