/** The one place where anything is printed. */
import { randomBytes } from 'node:crypto';
import { visible } from '../quote.ts';

/** A stream as far as printing needs it. */
export interface Output {
  readonly isTTY?: boolean | undefined;
  hasColors?(): boolean;
  write(text: string): unknown;
}

/**
 * Styles are marked with what no file can know, and become escape sequences where a terminal has colours. An escape sequence
 * that comes from elsewhere is shown.
 */
const MARK = `\x1b${randomBytes(12).toString('base64url')}:`;
const MARKED = new RegExp(`${MARK}(\\d+);`);
const style = (on: number, off: number) => (text: string) => `${MARK}${on};${text}${MARK}${off};`;

export const bold = style(1, 22);
export const dim = style(2, 22);
export const red = style(31, 39);
export const green = style(32, 39);

/** How far back what makes up one character can lie: a flag of seven letters. */
const LONGEST_CHARACTER = 20;

const OVERWRITE = '\r\x1b[K';

/** How a stream is written to. */
export interface Printer {
  /** A line. */
  line(text: string): void;
  /** A line that the next one replaces: on a terminal alone. An empty one is gone. */
  passing(text: string): void;
  /** Text that is not of this program, piece by piece: a model's answer. */
  text(piece: string): void;
  /** What is written as it is: a picture made of escape sequences. */
  raw(text: string): void;
}

/**
 * Writes lines and answers. On a terminal nothing from elsewhere commands it or hides: what is unseen in names and answers is
 * spelled out. In a pipe or file standard output is the product, and stays as it is but for its styles.
 *
 * @param always spells out wherever it goes: for standard error, which people read, later and on other terminals
 */
export function printer(output: Output, { always = false } = {}): Printer {
  let passing = false;
  let before = '';
  let held = '';
  const terminal = output.isTTY === true;
  const coloured = terminal && output.hasColors?.() !== false; // false where NO_COLOR says so
  const show = (text: string) => (terminal || always ? visible(text) : text);
  const render = (text: string) =>
    text
      .split(MARKED)
      .map((part, i) => (i % 2 === 0 ? show(part) : coloured ? `\x1b[${part}m` : ''))
      .join('');
  const write = (text: string) => {
    output.write(passing ? OVERWRITE + text : text);
    passing = false;
  };

  return {
    line: (text) => write(`${render(text)}\n`),
    raw: write,
    passing(text) {
      if (!terminal) return;
      write(render(text));
      passing = text !== '';
    },
    text(piece) {
      // Half a character waits for its other half; what a joiner joins may have come with the piece before.
      const all = held + piece;
      held = /[\ud800-\udbff]$/.exec(all)?.[0] ?? '';
      const whole = held ? all.slice(0, -1) : all;
      if (whole === '') return;
      const keep = (character: string, at: number) =>
        at < before.length || character === '\n' || character === '\t' ? character : undefined;
      write(terminal || always ? visible(before + whole, keep).slice(before.length) : whole);
      before = (before + whole).slice(-LONGEST_CHARACTER);
    },
  };
}

const out = printer(process.stdout);
const err = printer(process.stderr, { always: true });

/** A line of what was asked for, on standard output. */
export const print = out.line;

/** A piece of an answer, on standard output. */
export const printAnswer = out.text;

/** Progress, timings and errors go to standard error, so that standard output holds answers alone. */
export const say = err.line;

/** How far something is: a line of standard error that the next one replaces, on a terminal alone. */
export const sayPassing = err.passing;

/** A picture made of escape sequences. */
export const draw = err.raw;

/** A number with a unit in thousands: 1234567 → `1.23 M`. */
export function thousands(value: number, unit = ''): string {
  const step = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1000 ** step;
  return `${scaled.toFixed(step === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)} ${['', 'k', 'M', 'G', 'T'][step]}${unit}`.trim();
}

/** The most memory that the process has had so far. */
export const peakMemory = (): string => thousands(process.resourceUsage().maxRSS * 1024, 'B');
