import type { SpecialTokens } from './special-tokens.ts';

/** What decoding needs of a tokenizer. */
export type TokenSource = {
  readonly special: SpecialTokens;
  /** The bytes of a token's text, or undefined for an id that has none. */
  bytes(id: number): Uint8Array | undefined;
};

export type TextStreamOptions = {
  /** Special tokens are spelled out ('show', the default) or left out with all that stands between `<img>` and `</img>` ('skip'). */
  readonly special?: 'show' | 'skip';
  /** Ids that are never shown, such as those that end an answer. */
  readonly hidden?: Iterable<number>;
};

/** Text as its tokens arrive: `push` returns what became certain, `end` what is left (and begins anew). */
export type TextStream = { push(id: number): string; end(): string };

const nothing = new Uint8Array(0);
/** U+FFFD: the embedding has more rows (151,936) than there are tokens, and a model may choose such a row. */
const replacement = new TextEncoder().encode('\uFFFD');

/**
 * Decodes token by token without ever returning half a character: bytes are held until their character is complete, and
 * bytes that are no UTF-8 become U+FFFD, as Python's `errors='replace'` does. Between `<img>` and `</img>` ids below 256
 * are the bytes of a path and `<imgpad>` is filling, as the original writes them. Never throws.
 */
export function createTextStream(tokens: TokenSource, options: TextStreamOptions = {}): TextStream {
  const { special } = tokens;
  const hidden = new Set(options.hidden);
  const skip = options.special === 'skip';
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // a byte order mark is a character like any other here
  let inside: 'text' | 'path' | 'filling' = 'text';

  function textBytes(id: number): Uint8Array {
    if (inside === 'path' && id >= 0 && id < 256) return skip ? nothing : Uint8Array.of(id);
    if (inside !== 'text' && id === special.imagePad) {
      inside = 'filling';
      return nothing;
    }
    inside = id === special.imageStart ? 'path' : 'text';
    if (skip && isSpecial(id, special)) return nothing;
    return tokens.bytes(id) ?? replacement;
  }

  return {
    push: (id) => (hidden.has(id) ? '' : decoder.decode(textBytes(id), { stream: true })),
    end() {
      inside = 'text';
      return decoder.decode();
    },
  };
}

function isSpecial(id: number, special: SpecialTokens): boolean {
  return id >= special.endOfText && id < special.endOfText + special.names.length;
}
