/** How what a scene shows is said in English and in Chinese. */
import { randomAt } from '../random.ts';
import type { Item, Scene, Subject } from './scene.ts';
import { COLOURS, SHAPES, THINGS } from './things.ts';

export type Language = 'English' | 'Chinese';

/** Items of a scene that are called the same. */
export interface Group {
  readonly subject: Subject;
  readonly items: readonly Item[];
}

/** Stands for an item where only its name is told. */
export const ANY_ITEM: Item = { subject: { kind: 'thing', thing: 0 }, parts: [], box: [0, 0, 1, 1] };

/**
 * What a scene shows: from left to right, what is the same together.
 *
 * Where something is, is a point in the middle half of its width that the scene's seed decides. Things that stand side by side have one
 * order; of those that stand one below the other either may come first, for nobody sees which is a hair further left. So a model that has
 * to guess there learns what follows either guess; with the middles as the order it would learn only what follows the right one.
 */
export function groupsOf({ items, seed }: Scene): Group[] {
  const random = randomAt(seed, 'order');
  const placed = items.map((item) => {
    const [left, , right] = item.box;
    return { item, at: left + (right - left) * random.between(0.25, 0.75) };
  });
  const groups = new Map<string, Group & { items: Item[] }>();
  for (const { item } of placed.sort((a, b) => a.at - b.at)) {
    const key = nameOf(item.subject, 'English');
    const group = groups.get(key);
    if (group) group.items.push(item);
    else groups.set(key, { subject: item.subject, items: [item] });
  }
  return [...groups.values()];
}

export const middleOf = ({ box: [left, top, right, bottom] }: Item): readonly [number, number] => [
  (left + right) / 2,
  (top + bottom) / 2,
];

/** What something is called, without an article: "cat", "red circle", "number 7"; 猫, 红色的圆形, 数字7. */
export function nameOf(subject: Subject, language: Language): string {
  const english = language === 'English';
  if (subject.kind === 'thing') return THINGS[subject.thing][english ? 'english' : 'chinese'];
  if (subject.kind === 'number') return english ? `number ${subject.text}` : `数字${subject.text}`;
  if (subject.kind === 'word') return english ? `word "${subject.text}"` : `文字“${subject.text}”`;
  const [colour, shape] = [COLOURS[subject.colour], SHAPES[subject.shape]];
  return english ? `${colour.english} ${shape.english}` : `${colour.chinese}的${shape.chinese}`;
}

/** Several of it: "cats", "red circles"; in Chinese nothing changes. */
export function pluralOf(subject: Subject, language: Language): string {
  if (language === 'Chinese' || subject.kind === 'number' || subject.kind === 'word') return nameOf(subject, language);
  if (subject.kind === 'thing') return THINGS[subject.thing].plural;
  const { english } = SHAPES[subject.shape];
  return `${COLOURS[subject.colour].english} ${english}${/s$/.test(english) ? 'es' : 's'}`;
}

/** As short as can be: of "slice of pizza" the last word, of what is written that alone. */
export function headOf(subject: Subject, language: Language): string {
  if (subject.kind === 'number' || subject.kind === 'word') return subject.text;
  const name = nameOf(subject, language);
  return language === 'English' && subject.kind === 'thing' ? name.slice(name.lastIndexOf(' ') + 1) : name;
}

const measureOf = (subject: Subject): string => (subject.kind === 'thing' ? THINGS[subject.thing].measure : '个');

const ENGLISH_NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six'];
const CHINESE_NUMBERS = ['零', '一', '两', '三', '四', '五', '六'];

/** "a cat", "two cats", "the number 7"; 一只猫, 两只猫, 数字7. */
export function phraseOf({ subject, items }: Group, language: Language): string {
  const name = nameOf(subject, language);
  const written = subject.kind === 'number' || subject.kind === 'word';
  if (language === 'Chinese') return written ? name : `${CHINESE_NUMBERS[items.length]}${measureOf(subject)}${name}`;
  if (written) return `the ${name}`;
  if (items.length > 1) return `${ENGLISH_NUMBERS[items.length]} ${pluralOf(subject, language)}`;
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** "a cat, two dogs and an egg"; 一只猫、两只狗和一个鸡蛋. */
export function listOf(phrases: readonly string[], language: Language): string {
  const [comma, and] = language === 'English' ? [', ', ' and '] : ['、', '和'];
  const last = phrases[phrases.length - 1];
  return phrases.length < 2 ? (last ?? '') : `${phrases.slice(0, -1).join(comma)}${and}${last}`;
}

/** Everything that a scene shows. */
export const captionOf = (scene: Scene, language: Language): string =>
  listOf(
    groupsOf(scene).map((group) => phraseOf(group, language)),
    language,
  );
