import type { SpecialTokens } from './special-tokens.ts';

/** What decoding needs of a tokenizer. */
export type TokenSource = {
  readonly special: SpecialTokens;
  /** The bytes of a token's text as a binary string (see vocabulary.ts), or undefined for an id that has none. */
  binary(id: number): string | undefined;
};

export type TextStreamOptions = {
  /** Special tokens are spelled out ('show', the default) or left out with all that stands between `<img>` and `</img>` ('skip'). */
  readonly special?: 'show' | 'skip';
  /** Ids that are never shown, such as those that end an answer. */
  readonly hidden?: Iterable<number>;
};

/** Text as its tokens arrive: `push` returns what became certain, `end` what is left (and begins anew). */
export type TextStream = { push(id: number): string; end(): string };

/** U+FFFD: the embedding has more rows (151,936) than there are tokens, and a model may choose such a row. */
const replacement = '\xef\xbf\xbd';

/** A byte order mark is a character like any other here. */
const createDecoder = () => new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Decodes token by token without ever returning half a character: bytes are held until their character is complete, and
 * bytes that are no UTF-8 become U+FFFD, as Python's `errors='replace'` does. Between `<img>` and `</img>` ids below 256
 * are the bytes of a path and `<imgpad>` is filling, as the original writes them. Never throws.
 */
export function createTextStream(tokens: TokenSource, options: TextStreamOptions = {}): TextStream {
  let read = createReader(tokens, options);
  const decoder = createDecoder();
  return {
    push: (id) => decoder.decode(bytesOf(read(id)), { stream: true }),
    end() {
      read = createReader(tokens, options);
      return decoder.decode();
    },
  };
}

/** The text of all ids at once: what a stream of them gives, but many times faster. */
export function decodeAll(tokens: TokenSource, ids: Iterable<number>, options: TextStreamOptions = {}): string {
  return createDecoder().decode(bytesOf(Array.from(ids, createReader(tokens, options)).join('')));
}

/** Gives, id after id, the bytes that are to be shown as a binary string. */
function createReader({ special, binary }: TokenSource, options: TextStreamOptions): (id: number) => string {
  const hidden = new Set(options.hidden);
  const skip = options.special === 'skip';
  let inside: 'text' | 'path' | 'filling' = 'text';
  return (id) => {
    if (hidden.has(id)) return '';
    if (inside === 'path' && id >= 0 && id < 256) return skip ? '' : String.fromCharCode(id);
    if (inside !== 'text' && id === special.imagePad) {
      inside = 'filling';
      return '';
    }
    inside = id === special.imageStart ? 'path' : 'text';
    if (skip && isSpecial(id, special)) return '';
    return binary(id) ?? replacement;
  };
}

/** The bytes of a binary string. */
export function bytesOf(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

function isSpecial(id: number, special: SpecialTokens): boolean {
  return id >= special.endOfText && id < special.endOfText + special.names.length;
}
