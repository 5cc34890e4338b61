/** The words of a command line: which are options, what they mean, and whether the command heeds them. */
import { parseArgs } from 'node:util';
import { InputError } from '../error.ts';
import { quote, shorten } from '../quote.ts';
import { OPTIONS, type Options, TAKEN_BY } from './options.ts';

export interface Arguments {
  /** `demo` where none is named. */
  readonly command: string;
  readonly words: string[];
  readonly options: Options;
}

interface Definition {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  readonly short?: string;
}

const SEE = 'see "qvl help"';
const SHORT = Object.values<Definition>(OPTIONS).flatMap(({ short }) => (short === undefined ? [] : [`-${short}`]));

/**
 * Takes a command line apart. A value may begin with one dash, as in `--top-k -1`.
 *
 * @throws InputError for an option that does not exist, lacks its value, or is given twice where one value is meant
 */
export function readArguments(args: readonly string[]): Arguments {
  const { positionals, tokens } = parseArgs({
    ...{ args: [...args], options: OPTIONS, allowPositionals: true, tokens: true },
    strict: false, // its errors call "-1" ambiguous
  });
  const options: Record<string, string | boolean | string[]> = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new InputError(
        shorten(rawName, 60),
        'there is no such option',
        `${SEE}; words with a dash come after "--"`,
      );
    }
    const { type, multiple = false }: Definition = OPTIONS[name as keyof Options];
    if (type === 'boolean') {
      if (value !== undefined) throw new InputError(rawName, `${quote(value)}, it takes no value`, 'leave that out');
      options[name] = true;
      continue;
    }
    const another = !token.inlineValue && (value?.startsWith('--') || SHORT.includes(value ?? ''));
    if (value === undefined || another) {
      const remedy = another ? `put it behind the option, or write --${name}=${value}` : SEE;
      throw new InputError(rawName, 'it needs a value', remedy);
    }
    if (multiple) options[name] = [...((options[name] as string[] | undefined) ?? []), value];
    else if (name in options) throw new InputError(rawName, 'it is given twice', 'give it once');
    else options[name] = value;
  }
  const [command = 'demo', ...words] = positionals;
  return { command, words, options: options as Options };
}

/** @throws InputError for the first option that the command would not heed, naming the commands that do */
export function refuseOthers(command: string, options: Options): void {
  const called = (each: string) => (each === 'demo' ? '"qvl" alone' : `"qvl ${each}"`);
  for (const name of Object.keys(options) as (keyof Options)[]) {
    const takers = TAKEN_BY[name];
    if (takers === 'all' || takers.includes(command)) continue;
    throw new InputError(
      `--${name}`,
      `${called(command)} does not take it`,
      `it is for ${takers.map(called).join(', ')}`,
    );
  }
}
