import { describe, expect, test } from 'vitest';
import { bold, dim, printer } from '../../src/cli/terminal.ts';
import { quote, visible } from '../../src/quote.ts';
import { isLine, toLine } from '../../src/verify/line.ts';

/** What is written to a stream. */
function stream(isTTY: boolean, options?: { always: boolean }) {
  const output = {
    ...{ isTTY, hasColors: () => isTTY, written: '' },
    write(text: string) {
      output.written += text;
    },
  };
  return { output, ...printer(output, options) };
}

/** What must not reach a terminal, with how it is shown. */
const UNSEEN: [string, string, string][] = [
  ['an escape sequence', '\x1b[2Jx', '\\u001b[2Jx'],
  ['a style', '\x1b[31mred', '\\u001b[31mred'],
  ['a C1 control', '\x9b31mred', '\\u009b31mred'],
  ['a carriage return', 'bad\rgood', 'bad\\u000dgood'],
  ['a backspace and DEL', 'a\b\x7f', 'a\\u0008\\u007f'],
  ['the direction of writing', 'gpj\u202egnp', 'gpj\\u202egnp'],
  ['an isolate', '\u2066a\u2069', '\\u2066a\\u2069'],
  ['marks of direction', '\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
  ['no width', 'a\u200bb\u2060c\ufeffd\u00ade', 'a\\u200bb\\u2060c\\ufeffd\\u00ade'],
  ['a joiner that joins nothing', 'a\u200db\u200c', 'a\\u200db\\u200c'],
  ['separators of lines', 'a\u2028b\u2029c\x85', 'a\\u2028b\\u2029c\\u0085'],
  ['half a character', 'a\ud83d b\ude00', 'a\\ud83d b\\ude00'],
  ['a hidden text of tags', 'a\u{e0041}\u{e0042}', 'a\\u{e0041}\\u{e0042}'],
  ['a hidden text of variation selectors', 'a\ufe01😀\ufe0f\ufe0f\u{e0101}', 'a\\ufe01😀\ufe0f\\ufe0f\\u{e0101}'],
  ['a Hangul filler', 'a\u3164', 'a\\u3164'],
  ['an annotation', '\ufff9a\ufffbb', '\\ufff9a\\ufffbb'],
];

/** What people write. */
const SEEN = [
  'plain, "quoted", back\\slash',
  '框出图中红色的正方形的位置，ｆｕｌｌ　ｗｉｄｔｈ',
  '<ref>圆形</ref><box>(1,2),(3,4)</box>',
  '🏴󠁧󠁢󠁥󠁮󠁧󠁿 👨‍👩‍👧‍👦 👩🏽‍🚒 🏳️‍🌈 ❤️ 1️⃣ 🇩🇪 ☺︎',
  'é e\u0301 ä a\u0308 Z̃',
  'می‌خواهم क्‍ष न्‍ ക്‍',
  '葛\u{e0100} 辻\u{e0101}',
  'עברית العربية ไทย 한국어 日本語',
  'x² ≤ ½ · √2 → ∞',
];

describe('a terminal is shown what it would obey or hide', () => {
  test.each(UNSEEN)('%s', (_, text, shown) => {
    const terminal = stream(true);
    terminal.line(`  ${text}`);
    terminal.line(dim(text));
    expect(terminal.output.written).toBe(`  ${shown}\n\x1b[2m${shown}\x1b[22m\n`);
    for (let cut = 0; cut <= text.length; cut++) {
      const answer = stream(true);
      answer.text(text.slice(0, cut));
      answer.text(text.slice(cut));
      answer.text('\n');
      expect(answer.output.written).toBe(`${shown}\n`);
    }
  });

  test.each(SEEN)('%s stays', (text) => {
    expect(visible(text)).toBe(text);
    const whole = stream(true);
    whole.text(text);
    // Tokens may end anywhere between bytes; the text comes in whole characters.
    const pieces = stream(true);
    for (const character of text) pieces.text(character);
    const units = stream(true);
    for (const unit of text.split('')) units.text(unit);
    expect([whole.output.written, pieces.output.written, units.output.written]).toEqual([text, text, text]);
  });

  test('a line is one line; an answer may have several', () => {
    const terminal = stream(true);
    terminal.line('name\nqvl: all is well');
    terminal.text('first\n\tsecond');
    expect(terminal.output.written).toBe('name\\u000aqvl: all is well\nfirst\n\tsecond');
  });

  test('its own styles cannot be imitated', () => {
    const [mark] = /^.*?(?=1;)/s.exec(bold('x'))!;
    expect(mark.length).toBeGreaterThan(12);
    const terminal = stream(true);
    terminal.line(`${bold('own')} ${mark.slice(0, -3)}1;x \x1b[1mx`);
    const own = '\x1b[1mown\x1b[22m ';
    expect(terminal.output.written.slice(0, own.length)).toBe(own);
    expect(terminal.output.written.slice(own.length)).toMatch(/^\P{Cc}+\n$/u);
  });
});

test('in a pipe an answer is what the model said, and a line has no styles', () => {
  for (const [, text] of UNSEEN.filter(([name]) => name !== 'half a character')) {
    const pipe = stream(false);
    pipe.text(text);
    pipe.line(bold(text));
    expect(pipe.output.written).toBe(`${text}${text}\n`);
  }
});

test('standard error is read by people, wherever it goes', () => {
  for (const [, text, shown] of UNSEEN) {
    const log = stream(false, { always: true });
    log.line(dim(text));
    expect(log.output.written).toBe(`${shown}\n`);
  }
});

test('a passing line is gone when the next one comes, and never in a pipe', () => {
  const [terminal, pipe] = [stream(true), stream(false)];
  for (const { passing, line } of [terminal, pipe]) {
    passing('1 %');
    passing('2 %');
    line('done');
    line('next');
    passing('');
  }
  expect(terminal.output.written).toBe('1 %\r\x1b[K2 %\r\x1b[Kdone\nnext\n');
  expect(pipe.output.written).toBe('done\nnext\n');
});

test('what is quoted in a message has nothing unseen, in one line', () => {
  for (const [, text] of [...UNSEEN, ['', 'a\nb', '']]) {
    expect(quote(text)).toMatch(/^"[^\p{C}\u2028\u2029]*"$/u);
    expect(isLine(text)).toBe(false);
    expect(isLine(toLine(text))).toBe(true);
  }
  for (const text of SEEN) expect(isLine(text)).toBe(true);
  expect(quote('框"\n')).toBe('"框\\"\\n"');
  expect(quote(`${'x'.repeat(59)}😀`)).toBe(`"${'x'.repeat(59)}…"`); // no half of a character
  expect(isLine(toLine(`${'x'.repeat(999)}😀`))).toBe(true);
});
