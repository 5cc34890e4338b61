import { computed } from '@preact/signals';
import { inAddress } from './address.ts';

/** What was said before the question. The first pictures of the page are its turns', in their order. */
export interface Turn {
  readonly pictures: number;
  readonly question: string;
  readonly answer: string;
}

/** As the address has it: `[[pictures, question, answer], …]`. */
export const talk = inAddress('talk', '');

export const turns = computed(() => parse(talk.value));

/** How many pictures belong to what was said before. */
export const earlier = computed(() => turns.value.reduce((sum, { pictures }) => sum + pictures, 0));

export const addTurn = (turn: Turn): void => {
  const all = [...turns.value, turn];
  talk.value = JSON.stringify(all.map(({ pictures, question, answer }) => [pictures, question, answer]));
};

/** An address can say anything; what is no conversation is none. */
function parse(text: string): readonly Turn[] {
  let found: unknown;
  try {
    found = JSON.parse(text || '[]');
  } catch {
    return [];
  }
  if (!Array.isArray(found)) return [];
  const read = found.map((turn: unknown): Turn | undefined => {
    const [pictures, question, answer, ...more]: unknown[] = Array.isArray(turn) ? turn : [];
    if (!Number.isSafeInteger(pictures) || (pictures as number) < 0 || more.length > 0) return undefined;
    if (typeof question !== 'string' || typeof answer !== 'string') return undefined;
    return { pictures: pictures as number, question, answer };
  });
  return read.every((turn) => turn !== undefined) ? read : [];
}
