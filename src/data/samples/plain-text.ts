/** Text without pictures: small facts of the world, so that the decoder keeps its language (stage 2 of the paper: 7.8 of 76.8 million). */
import type { Random } from '../random.ts';
import type { Subject } from '../world/scene.ts';
import { COLOURS, SHAPES, THINGS } from '../world/things.ts';
import { ANY_ITEM, type Language, listOf, nameOf, phraseOf } from '../world/words.ts';

const anySubject = (random: Random): Subject =>
  random.chance(0.75)
    ? { kind: 'thing', thing: random.whole(0, THINGS.length - 1) }
    : { kind: 'shape', shape: random.whole(0, SHAPES.length - 1), colour: random.whole(0, COLOURS.length - 1) };

/** Phrases of one to four different things, some of them several: what a caption is made of. */
function anyPhrases(random: Random, language: Language): string[] {
  const subjects = new Map(
    Array.from({ length: random.whole(1, 4) }, () => anySubject(random)).map((subject) => [
      nameOf(subject, language),
      subject,
    ]),
  );
  return [...subjects.values()].map((subject) => {
    const items = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => ANY_ITEM);
    return phraseOf({ subject, items }, language);
  });
}

const SENTENCES = {
  /** What a number is made of: counting. */
  sum(random: Random, english: boolean) {
    const [a, b] = [random.whole(0, 9), random.whole(0, 9)];
    return english ? `${a} and ${b} make ${a + b}.` : `${a}加${b}是${a + b}。`;
  },
  after(random: Random, english: boolean) {
    const number = random.whole(0, 998);
    return english ? `After ${number} comes ${number + 1}.` : `${number}后面是${number + 1}。`;
  },
  list(random: Random, english: boolean) {
    const language = english ? 'English' : 'Chinese';
    const list = listOf(anyPhrases(random, language), language);
    return english ? `I see ${list}.` : `我看到${list}。`;
  },
  translation(random: Random, english: boolean) {
    const subject = anySubject(random);
    const [from, to] = [nameOf(subject, 'English'), nameOf(subject, 'Chinese')];
    return english ? `${from} is ${to} in Chinese.` : `${to}的英文是${from}。`;
  },
} as const;

/** One to three sentences. */
export function plainText(random: Random, language: Language): string {
  const kinds = Object.values(SENTENCES);
  const sentences = Array.from({ length: random.whole(1, 3) }, () =>
    random.pick(kinds)(random, language === 'English'),
  );
  return sentences.join(language === 'English' ? ' ' : '');
}
