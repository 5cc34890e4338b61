/** Lets text through up to the first of several stop sequences that is complete. */
export interface StopText {
  /** @returns what can be shown: what may yet turn out to begin a stop sequence is held back */
  push(text: string): string;
  /** A stop sequence was found: it and what follows it are never shown. */
  readonly stopped: boolean;
  /** @returns what was held back, at the end of the text */
  end(): string;
}

/** @param stops texts that end an answer; empty ones count for nothing */
export function createStopText(stops: readonly string[]): StopText {
  const wanted = stops.filter((stop) => stop !== '');
  let held = '';
  let stopped = false;

  /** How many characters at the end of the text begin a stop sequence. */
  const beginning = (text: string): number =>
    wanted.reduce((longest, stop) => {
      let length = Math.min(stop.length - 1, text.length);
      while (length > longest && !text.endsWith(stop.slice(0, length))) length--;
      return Math.max(longest, length);
    }, 0);

  /** Where the stop sequence begins that is complete first, so that it does not matter how the text is cut. */
  function firstComplete(text: string): number | undefined {
    const found = wanted.flatMap((stop) => {
      const start = text.indexOf(stop);
      return start < 0 ? [] : [{ start, end: start + stop.length }];
    });
    return found.sort((a, b) => a.end - b.end || a.start - b.start)[0]?.start;
  }

  return {
    get stopped() {
      return stopped;
    },
    push(text) {
      if (stopped) return '';
      held += text;
      const first = firstComplete(held);
      stopped = first !== undefined;
      const shown = held.slice(0, first ?? held.length - beginning(held));
      held = stopped ? '' : held.slice(shown.length);
      return shown;
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}
