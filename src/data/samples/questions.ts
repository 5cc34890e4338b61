/** Questions about a scene and their answers, from what the scene is made of. */
import type { Random } from '../random.ts';
import type { Scene } from '../world/scene.ts';
import { COLOURS, SHAPES, THINGS } from '../world/things.ts';
import { type Group, groupsOf, type Language, middleOf, nameOf, pluralOf } from '../world/words.ts';

export interface Question {
  readonly question: string;
  readonly answer: string;
}

type Asked = {
  readonly random: Random;
  readonly scene: Scene;
  readonly groups: readonly Group[];
  readonly english: boolean;
  readonly language: Language;
};

/** Each kind of question; null where the scene has no sure answer to it. */
export const QUESTIONS = {
  count({ random, groups, language, english }: Asked) {
    const countable = groups.filter(({ subject }) => subject.kind === 'thing' || subject.kind === 'shape');
    if (countable.length === 0) return null;
    const { subject, items } = random.pick(countable);
    const question = english
      ? `How many ${pluralOf(subject, language)} are there?`
      : `有几${measure(subject)}${nameOf(subject, language)}?`;
    return { question, answer: String(items.length) };
  },
  'count of all'({ scene, english }: Asked) {
    return { question: english ? 'How many things are there?' : '图中有几样东西?', answer: String(scene.items.length) };
  },
  presence({ random, groups, language, english }: Asked) {
    const things = groups.flatMap(({ subject }) => (subject.kind === 'thing' ? [subject.thing] : []));
    const present = things.length > 0 && random.chance(0.5);
    const absent = THINGS.flatMap((_, i) => (things.includes(i) ? [] : [i]));
    const subject = { kind: 'thing', thing: random.pick(present ? things : absent) } as const;
    const name = nameOf(subject, language);
    const question = english ? `Is there ${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}?` : `图中有${name}吗?`;
    return { question, answer: english ? (present ? 'yes' : 'no') : present ? '有' : '没有' };
  },
  number({ groups, english }: Asked) {
    const text = groups.flatMap(({ subject }) => (subject.kind === 'number' ? [subject.text] : []))[0];
    return { question: english ? 'What number is it?' : '数字是多少?', answer: text ?? (english ? 'none' : '没有') };
  },
  word({ groups, english }: Asked) {
    const text = groups.flatMap(({ subject }) => (subject.kind === 'word' ? [subject.text] : []))[0];
    return { question: english ? 'What is written?' : '写着什么?', answer: text ?? (english ? 'nothing' : '没有') };
  },
  colour({ random, groups, english }: Asked) {
    const shapes = groups.flatMap(({ subject }) => (subject.kind === 'shape' ? [subject] : []));
    const single = shapes.filter(({ shape }) => shapes.filter((other) => other.shape === shape).length === 1);
    if (single.length === 0) return null;
    const { shape, colour } = random.pick(single);
    const name = SHAPES[shape];
    const question = english ? `What colour is the ${name.english}?` : `${name.chinese}是什么颜色?`;
    return { question, answer: english ? COLOURS[colour].english : COLOURS[colour].chinese };
  },
  /** What is farthest in one direction, if it is so by a tenth of the picture. */
  outermost({ random, scene, language, english }: Asked) {
    const [axis, sign, side, chineseSide] = random.pick([
      [0, 1, 'on the left', '最左边'],
      [0, -1, 'on the right', '最右边'],
      [1, 1, 'at the top', '最上面'],
      [1, -1, 'at the bottom', '最下面'],
    ] as const);
    const order = [...scene.items].sort((a, b) => sign * (middleOf(a)[axis] - middleOf(b)[axis]));
    const [first, second] = order;
    if (!second || Math.abs(middleOf(first)[axis] - middleOf(second)[axis]) < 0.1) return null;
    const question = english ? `What is ${side}?` : `${chineseSide}是什么?`;
    return { question, answer: nameOf(first.subject, language) };
  },
  largest({ scene, language, english }: Asked) {
    const area = ({ box: [left, top, right, bottom] }: Scene['items'][number]) => (right - left) * (bottom - top);
    const [first, second] = [...scene.items].sort((a, b) => area(b) - area(a));
    if (!second || area(first) < 1.5 * area(second)) return null;
    return { question: english ? 'What is the largest?' : '最大的是什么?', answer: nameOf(first.subject, language) };
  },
  /** How two things that are there once each stand to each other. */
  relation({ random, groups, language, english }: Asked) {
    const single = groups.filter(({ items }) => items.length === 1);
    if (single.length < 2) return null;
    const [a, b] = random.shuffled(single);
    const [here, there] = [middleOf(a.items[0])[0], middleOf(b.items[0])[0]];
    if (Math.abs(here - there) < 0.15) return null;
    const [first, second] = [nameOf(a.subject, language), nameOf(b.subject, language)];
    const question = english ? `Is the ${first} left of the ${second}?` : `${first}在${second}的左边吗?`;
    return { question, answer: english ? (here < there ? 'yes' : 'no') : here < there ? '是' : '不是' };
  },
} satisfies Record<string, (asked: Asked) => Question | null>;

export type QuestionKind = keyof typeof QUESTIONS;

const measure = (subject: Group['subject']): string =>
  subject.kind === 'thing' ? THINGS[subject.thing].measure : '个';

/** How often each kind is asked where it can be. What is written is asked for where it is, and now and then where nothing is. */
const SHARES: Readonly<Record<QuestionKind, number>> = {
  ...{ count: 3, 'count of all': 1, presence: 2, number: 3, word: 3, colour: 2, outermost: 2, largest: 1, relation: 2 },
};

/** Up to `most` different questions about a scene, at least one. */
export function questionsAbout(random: Random, scene: Scene, language: Language, most: number): Question[] {
  const groups = groupsOf(scene);
  const has = (kind: string) => groups.some(({ subject }) => subject.kind === kind);
  const left: Partial<Record<QuestionKind, number>> = { ...SHARES };
  for (const kind of ['number', 'word'] as const) if (!has(kind)) left[kind] = 0.2;
  const asked = { random, scene, groups, english: language === 'English', language };
  const questions: Question[] = [];
  while (questions.length < most && Object.keys(left).length > 0) {
    const kind = random.share(left);
    delete left[kind];
    const question = QUESTIONS[kind](asked);
    if (question) questions.push(question);
  }
  return questions;
}
