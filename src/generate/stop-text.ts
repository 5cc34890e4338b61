/** Lets text through up to the first of several stop sequences. */
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

  return {
    get stopped() {
      return stopped;
    },
    push(text) {
      if (stopped) return '';
      held += text;
      const found = wanted.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
      stopped = found.length > 0;
      const shown = held.slice(0, stopped ? Math.min(...found) : held.length - beginning(held));
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
