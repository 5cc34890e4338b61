import { mergeByRank } from '../../src/input/text/bpe.ts';
import { splitAtSpecialTokens } from '../../src/input/text/special-tokens.ts';
import type { Tokenizer } from '../../src/input/text/tokenizer.ts';
import type { Vocabulary } from '../../src/input/text/vocabulary.ts';
import type { Conversation } from '../../src/verify/inputs/prompt-golden.ts';
import type { PromptFault } from './input-fault.ts';

/** What a fault is planted in. */
export interface Words {
  readonly tokenizer: Tokenizer;
  readonly vocabulary: Vocabulary;
}

const chatOf =
  (change: (conversation: Conversation) => Partial<Conversation>): PromptFault['how'] =>
  ({ chat }) => ({ chat: (conversation) => chat({ ...conversation, ...change(conversation) }) });

/** From words to ids and back. */
export function promptFaults({ tokenizer, vocabulary }: Words): readonly PromptFault[] {
  const { special } = tokenizer;
  const [newline] = tokenizer.encode('\n');
  const plain = (text: string) => splitAtSpecialTokens(text, 'all').length === 1;
  const binary = (text: string) => String.fromCharCode(...new TextEncoder().encode(text.normalize('NFC')));
  /** The longest token that a text begins with, again and again. */
  const greedily = (bytes: string): number[] => {
    const ids: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      let end = Math.min(bytes.length, at + vocabulary.longest);
      while (!vocabulary.ranks.has(bytes.slice(at, end))) end--;
      ids.push(vocabulary.ranks.get(bytes.slice(at, end))!);
      at = end;
    }
    return ids;
  };
  return [
    {
      name: 'merges-exchanged',
      says: 'Two merges of neighbouring ranks have changed places.',
      how: ({ encode }) => ({ encode: (text) => encode(text).map((id) => (id === 256 ? 257 : id === 257 ? 256 : id)) }),
      enters: 'ids',
    },
    {
      name: 'longest-first',
      says: 'The longest token that fits is taken, instead of joining pairs in the order of their ranks.',
      how: ({ encode }) => ({ encode: (text) => (plain(text) ? greedily(binary(text)) : encode(text)) }),
      enters: 'ids',
    },
    {
      name: 'not-split',
      says: 'Pairs are joined across words: the text is not split before.',
      how: ({ encode }) => ({ encode: (text) => (plain(text) ? mergeByRank(binary(text), vocabulary) : encode(text)) }),
      enters: 'ids',
    },
    {
      name: 'compatibility-forms',
      says: 'Texts are normalised to NFKC instead of NFC.',
      how: ({ encode }) => ({ encode: (text) => encode(text.normalize('NFKC')) }),
      enters: 'ids',
    },
    {
      name: 'special-tokens-spelled-out',
      says: 'Special tokens in a text are words like others.',
      how: () => ({ encode: (text) => tokenizer.encode(text) }),
      enters: 'ids',
    },
    {
      name: 'trimmed',
      says: 'Text made of ids loses the space that it begins with.',
      how: ({ decode }) => ({ decode: (ids) => decode(ids).trimStart() }),
      enters: 'words',
    },
    {
      name: 'token-by-token',
      says: 'Every token is made text alone, so that characters of two tokens are lost.',
      how: ({ decode }) => ({ decode: (ids) => ids.map((id) => decode([id])).join('') }),
      enters: 'words',
    },
    {
      name: 'newline-missing',
      says: 'No newline stands between the system message and the first question.',
      how: ({ chat }) => ({ chat: (conversation) => without(chat(conversation), special.imEnd) }),
      enters: 'context',
    },
    {
      name: 'newline-at-the-end-missing',
      says: 'The prompt ends with the role of the assistant, without its newline.',
      how: ({ chat }) => ({ chat: (conversation) => chat(conversation).slice(0, -1) }),
      enters: 'context',
    },
    {
      name: 'system-forgotten',
      says: 'The default system message takes the place of what was given.',
      how: chatOf(() => ({ system: 'You are a helpful assistant.' })),
      enters: 'context',
    },
    {
      name: 'history-from-its-end',
      says: 'Turns stand from the newest to the oldest.',
      how: chatOf(({ history }) => ({ history: history.toReversed() })),
      enters: 'context',
    },
    {
      name: 'window-ignored',
      says: 'All turns are remembered, whatever the window.',
      how: chatOf(() => ({ max_window_size: 1e9 })),
      enters: 'context',
    },
    {
      name: 'window-one-wider',
      says: 'A turn that fills the window exactly is remembered.',
      how: chatOf(({ max_window_size }) => ({ max_window_size: max_window_size + 1 })),
      enters: 'context',
    },
    {
      name: 'encoded-as-one',
      says: 'Roles, newlines and messages are encoded as one text, so that a newline joins with what follows it.',
      how: ({ chat, decode, encode }) => ({ chat: (conversation) => encode(decode(chat(conversation))) }),
      enters: 'context ids',
    },
  ];

  /** Without the newline after the first such id. */
  function without(ids: readonly number[], after: number): number[] {
    const at = ids.indexOf(after) + 1;
    return ids.filter((id, index) => !(index === at && id === newline));
  }
}
