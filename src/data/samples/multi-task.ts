/** The seven tasks of stage 2 as samples from scenes, in the formats of the paper (section 3.2). */
import type { Piece } from '../../input/prompt/prompt.ts';
import { type Sample as Fields, formatSample, type Task } from '../../input/prompt/tasks.ts';
import type { Random } from '../random.ts';
import { captionOf, type Group, groupsOf, type Language, listOf, nameOf, phraseOf, pluralOf } from '../world/words.ts';
import type { World } from '../world/world.ts';
import { plainText } from './plain-text.ts';
import { questionsAbout } from './questions.ts';
import { boxOf, quadOf } from './regions.ts';
import { type Draft, type Part, pictureTag } from './sample.ts';

/** What a task is made from. */
export interface Making {
  readonly random: Random;
  readonly world: World;
  readonly language: Language;
  /** The most questions about one picture. */
  readonly perPicture: number;
  /** The fewest and the most things in a scene. */
  readonly items: readonly [number, number];
}

const image = '1';

/**
 * The texts of a sample's parts. A picture that several are about stands before the first alone.
 *
 * Quirk of the small model: the original shows the picture again for each question; its own packing joins such samples.
 */
function partsOf(samples: readonly Fields[]): Part[] {
  return samples.map((sample, i) => {
    const { prompt, target } = formatSample(sample);
    return { prompt: i === 0 ? prompt : prompt.replace(pictureTag(1), ''), target };
  });
}

const completion = (task: Task, language: Language, scenes: Draft['scenes'], samples: readonly Fields[]): Draft => ({
  ...{ task, language, scenes },
  said: { form: 'completion', parts: partsOf(samples) },
});

/** The items of a scene that have a name and a place, with the names of several as one. */
function described(group: Group, language: Language): string {
  return group.items.length > 1 ? pluralOf(group.subject, language) : nameOf(group.subject, language);
}

const boxesOf = (group: Group) => group.items.map(boxOf);

export const MULTI_TASK: { readonly [Name in Task]: (making: Making) => Draft } = {
  caption({ random, world, language, items }) {
    const scene = world.scene(random, items);
    return completion(
      'caption',
      language,
      [scene],
      [{ task: 'caption', image, language, caption: captionOf(scene, language) }],
    );
  },

  'visual question answering'({ random, world, language, items, perPicture }) {
    const scene = world.scene(random, items);
    const questions = questionsAbout(random, scene, language, perPicture);
    const task = 'visual question answering';
    return completion(
      task,
      language,
      [scene],
      questions.map((asked) => ({ task, image, ...asked })),
    );
  },

  'caption with grounding'({ random, world, language, items }) {
    const scene = world.scene(random, items);
    const task = 'caption with grounding';
    const regions = groupsOf(scene).map((group): Piece => ({ ref: phraseOf(group, language), shapes: boxesOf(group) }));
    // The words that join the list's phrases, with each phrase as a region.
    const joined = listOf(
      regions.map((_, i) => `\u0000${i}\u0000`),
      language,
    ).split('\u0000');
    const groundedCaption = joined.flatMap((text, i): Piece[] => {
      if (i % 2 === 1) return [regions[Number(text)]];
      return text === '' ? [] : [{ text }];
    });
    return completion(task, language, [scene], [{ task, image, language, groundedCaption }]);
  },

  'referring grounding'({ random, world, language, items, perPicture }) {
    const scene = world.scene(random, items);
    const groups = random.shuffled(groupsOf(scene)).slice(0, perPicture);
    const task = 'referring grounding';
    const samples = groups.map(
      (group) => ({ task, image, phrase: described(group, language), shapes: boxesOf(group) }) as const,
    );
    return completion(task, language, [scene], samples);
  },

  /** In English alone, as the paper's sets for it are: its format does not say in which language it asks. */
  'grounded captioning'({ random, world, items, perPicture }) {
    const scene = world.scene(random, items);
    const task = 'grounded captioning';
    const language = 'English';
    const samples = random
      .shuffled(scene.items)
      .slice(0, perPicture)
      .map((item) => {
        const description = phraseOf({ subject: item.subject, items: [item] }, language);
        return { task, image, box: boxOf(item), description } as const;
      });
    return completion(task, language, [scene], samples);
  },

  ocr({ random, world, language }) {
    const scene = world.page(random, language);
    const lines = scene.items.map((item) => {
      const ref = 'text' in item.subject ? item.subject.text : '';
      return { ref, shapes: [quadOf(item)] } as const;
    });
    return completion('ocr', language, [scene], [{ task: 'ocr', image, lines }]);
  },

  text: ({ random, language }) =>
    completion('text', language, [], [{ task: 'text', text: plainText(random, language) }]),
};
