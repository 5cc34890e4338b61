/** Conversations of stage 3: describing, counting, finding, reading, comparing pictures, and talk without any (section 3.3). */
import { formatRegion } from '../../input/boxes/grounding.ts';
import type { Random } from '../random.ts';
import type { Scene } from '../world/scene.ts';
import {
  ANY_ITEM,
  captionOf,
  type Group,
  groupsOf,
  type Language,
  listOf,
  nameOf,
  phraseOf,
  pluralOf,
} from '../world/words.ts';
import type { Making } from './multi-task.ts';
import { plainText } from './plain-text.ts';
import { questionsAbout } from './questions.ts';
import { boxOf, quadOf } from './regions.ts';
import { type Draft, type Message, pictureTag } from './sample.ts';

/** A question and its answer. */
type Exchange = readonly [user: string, assistant: string];

/** A conversation whose first question shows the pictures, numbered as in a chat. */
function conversation(
  task: string,
  language: Language,
  scenes: readonly Scene[],
  exchanges: readonly Exchange[],
): Draft {
  const shown = scenes.map((_, i) => `Picture ${i + 1}: ${pictureTag(i + 1)}\n`).join('');
  const messages = exchanges.flatMap(([user, assistant], i): Message[] => [
    { from: 'user', value: (i === 0 ? shown : '') + user },
    { from: 'assistant', value: assistant },
  ]);
  return { task, language, scenes, said: { form: 'conversation', messages } };
}

const DESCRIBE = {
  English: ['What is in the picture?', 'What do you see?', 'Describe the picture.', 'What does the picture show?'],
  Chinese: ['图中有什么?', '你看到了什么?', '描述这张图。', '这张图里有什么?'],
} as const;

function describe(random: Random, scene: Scene, language: Language): Exchange {
  const caption = captionOf(scene, language);
  const answer = language === 'English' ? `The picture shows ${caption}.` : `图中有${caption}。`;
  return [random.pick(DESCRIBE[language]), answer];
}

const FIND = {
  English: {
    one: (name: string) => [`Where is the ${name}?`, `Find the ${name}.`, `Box the ${name}.`],
    several: (name: string) => [`Where are the ${name}?`, `Find all ${name}.`, `Box all ${name}.`],
  },
  Chinese: {
    one: (name: string) => [`框出图中${name}的位置`, `${name}在哪里?`, `找到${name}。`],
    several: (name: string) => [`框出图中所有的${name}`, `所有的${name}在哪里?`, `找到所有的${name}。`],
  },
} as const;

function findOf(random: Random, { subject, items }: Group, language: Language): Exchange {
  const several = items.length > 1;
  const name = several ? pluralOf(subject, language) : nameOf(subject, language);
  const answer = formatRegion({ ref: name, shapes: items.map(boxOf) });
  return [random.pick(FIND[language][several ? 'several' : 'one'](name)), answer];
}

function whatIsAt(random: Random, scene: Scene, language: Language): Exchange {
  const item = random.pick(scene.items);
  const box = formatRegion({ ref: null, shapes: [boxOf(item)] });
  const phrase = phraseOf({ subject: item.subject, items: [item] }, language);
  return language === 'English' ? [`What is in ${box}?`, `It is ${phrase}.`] : [`${box}里是什么?`, `是${phrase}。`];
}

function detection(scene: Scene, language: Language): Exchange {
  const regions = groupsOf(scene).map(({ subject, items }) =>
    formatRegion({ ref: nameOf(subject, language), shapes: items.map(boxOf) }),
  );
  return [language === 'English' ? 'Detect everything in the picture.' : '检测图中所有物体。', regions.join('')];
}

/** A question about two scenes that has one answer. */
function compare(random: Random, [first, second]: readonly [Scene, Scene], language: Language): Exchange {
  const english = language === 'English';
  const which = (isFirst: boolean) => (english ? `Picture ${isFirst ? 1 : 2}.` : `图${isFirst ? 1 : 2}。`);
  const [here, there] = [first, second].map((scene) => groupsOf(scene));
  const without = (groups: readonly Group[], others: readonly Group[]) =>
    groups.filter(
      ({ subject }) => !others.some((other) => nameOf(other.subject, language) === nameOf(subject, language)),
    );
  const only = [
    ...without(here, there).map(({ subject }) => ({ subject, isFirst: true })),
    ...without(there, here).map(({ subject }) => ({ subject, isFirst: false })),
  ];
  if (only.length > 0 && random.chance(0.7)) {
    const { subject, isFirst } = random.pick(only);
    const name = nameOf(subject, language);
    const phrase = phraseOf({ subject, items: [ANY_ITEM] }, language);
    return [english ? `Which picture shows ${phrase}?` : `哪张图里有${name}?`, which(isFirst)];
  }
  const more = first.items.length - second.items.length;
  const neither = english ? 'Neither.' : '一样多。';
  return [english ? 'Which picture has more things?' : '哪张图的东西更多?', more === 0 ? neither : which(more > 0)];
}

/** Each kind of conversation. */
export const DIALOGUES = {
  dialogue({ random, world, language, items, perPicture }: Making): Draft {
    const scene = world.scene(random, items);
    const asked = questionsAbout(random, scene, language, perPicture).map(
      ({ question, answer }): Exchange => [question, answer],
    );
    const exchanges = [describe(random, scene, language), ...asked];
    return conversation('dialogue', language, [scene], random.shuffled(exchanges).slice(0, perPicture));
  },

  'grounding dialogue'({ random, world, language, items, perPicture }: Making): Draft {
    const scene = world.scene(random, items);
    const found = groupsOf(scene).map((group) => findOf(random, group, language));
    const exchanges = random.shuffled([...found, whatIsAt(random, scene, language), detection(scene, language)]);
    return conversation('grounding dialogue', language, [scene], exchanges.slice(0, perPicture));
  },

  'reading dialogue'({ random, world, language }: Making): Draft {
    const page = world.page(random, language);
    const lines = page.items.map((item) => ('text' in item.subject ? item.subject.text : ''));
    const english = language === 'English';
    const read: Exchange = [english ? 'Read the text.' : '读出文字。', listOf(lines, language)];
    const grounded: Exchange = [
      english ? 'Where is the text?' : '文字在哪里?',
      page.items.map((item, i) => formatRegion({ ref: lines[i], shapes: [quadOf(item)] })).join(''),
    ];
    return conversation('reading dialogue', language, [page], random.shuffled([read, grounded]));
  },

  /** What is asked first cannot be read off an answer before it: half the time that is which picture shows something. */
  'several pictures'({ random, world, language, items, perPicture }: Making): Draft {
    const scenes = [world.scene(random, items), world.scene(random, items)] as const;
    const compared = [0, 1].map(() => compare(random, scenes, language));
    const comparisons = compared.filter(([asked], i) => i === 0 || asked !== compared[0][0]);
    const captions = random.shuffled([0, 1]).map((i): Exchange => {
      const caption = captionOf(scenes[i], language);
      return language === 'English'
        ? [`What is in Picture ${i + 1}?`, `Picture ${i + 1} shows ${caption}.`]
        : [`图${i + 1}中有什么?`, `图${i + 1}中有${caption}。`];
    });
    const exchanges = random.shuffled([comparisons, captions]).flat();
    return conversation('several pictures', language, scenes, exchanges.slice(0, perPicture));
  },

  'text dialogue'({ random, language }: Making): Draft {
    const asked = language === 'English' ? 'Tell me something.' : '说点什么。';
    return conversation('text dialogue', language, [], [[asked, plainText(random, language)]]);
  },
} as const;
