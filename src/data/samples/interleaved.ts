import { captionOf } from '../world/words.ts';
import type { Making } from './multi-task.ts';
import { type Draft, type Part, pictureTag } from './sample.ts';

/** A text with two or three pictures in it, each told of after it: the loss is on all words. */
export function interleaved({ random, world, language, items }: Making): Draft {
  const scenes = Array.from({ length: random.whole(2, 3) }, () => world.scene(random, items));
  const english = language === 'English';
  const last = scenes.length - 1;
  const parts = scenes.map((scene, i): Part => {
    const caption = captionOf(scene, language);
    const start = english
      ? i === 0
        ? 'First'
        : i === last
          ? 'At last'
          : 'Then'
      : i === 0
        ? '先是'
        : i === last
          ? '最后是'
          : '然后是';
    const sentence = english ? `${start} ${caption}.\n` : `${start}${caption}。\n`;
    return { prompt: pictureTag(i + 1), target: i === last ? `${sentence}<|endoftext|>` : sentence };
  });
  return { task: 'interleaved', language, scenes, said: { form: 'completion', parts } };
}
