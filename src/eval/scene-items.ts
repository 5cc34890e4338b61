import { type Sample, sampleAt, type TaskName, type World } from '../data/index.ts';
import { parsePieces } from '../input/prompt/pieces.ts';
import type { Piece } from '../input/prompt/prompt.ts';
import type { EvaluationItem } from './evaluate.ts';
import type { MeasureName } from './measures.ts';

/** Seeds from here on are those of evaluation: no run learns from their scenes. */
export const EVALUATION_SEEDS = 2 ** 32;

/** In which format scenes are asked about: that of multi-task training, or that of conversations. */
export type AskedStage = 2 | 3;

/** The tasks that scenes are made for, in turns. */
const TASKS: Readonly<Record<AskedStage, readonly TaskName[]>> = {
  2: ['caption', 'visual question answering', 'referring grounding', 'grounded captioning', 'ocr'],
  3: ['dialogue', 'grounding dialogue', 'reading dialogue', 'several pictures'],
};

/** What a question asks for, by its words in both formats and languages, and how its answer is judged; undefined: not judged. */
const KINDS: readonly (readonly [pattern: RegExp, kind: string, measures: readonly MeasureName[] | undefined])[] = [
  [/^Detect|^检测/, 'detection', undefined], // the measure of boxes sees the first alone
  [/^Generate the caption|^Describe|^描述|^What is in the picture|^图中有什么/, 'caption', ['exact', 'cider']],
  [/^What is in Picture|^图\d中有什么/, 'caption of one of two pictures', ['exact', 'cider']],
  [/^Which picture|^哪张图/, 'two pictures told apart', ['exact']],
  [/<box>/, 'name of what is in a box', ['exact']],
  [/^OCR|^Where is the text|^文字在哪里/, 'text with its places', ['names']],
  [/^Read|^读出/, 'text', ['anls']],
  [/^<ref>|^Find|^Where|^框出/, 'box of what is named', ['iou']],
  [/^How many|^图?中?有几/, 'count', ['exact']],
  [/^What number|^数字/, 'number', ['exact']],
  [/^What is written|^写着/, 'word', ['exact']],
  [/./, 'other questions', ['exact']],
];

/** Of one scene there are no more questions than this. */
const MOST_QUESTIONS = 3;

/**
 * Questions about scenes that no run learns from.
 *
 * @param of.seed one that no run has
 * @param of.side pixels a side that the model sees
 * @param of.scenes how many, of each task in turns
 */
export function sceneItems(
  world: World,
  { stage, seed, side, scenes }: { stage: AskedStage; seed: number; side: number; scenes: number },
): EvaluationItem[] {
  const tasks = TASKS[stage];
  return Array.from({ length: scenes }, (_, i) =>
    itemsOf(sampleAt(world, { stage, seed, side, task: tasks[i % tasks.length] }, i)),
  ).flat();
}

function itemsOf({ language, pictures, said }: Sample): EvaluationItem[] {
  const format = said.form === 'completion' ? 'raw' : 'chatml';
  const shown = pictures.map((_, i): Piece => ({ image: String(i + 1), numbered: format === 'chatml' }));
  return exchangesOf(said)
    .flatMap(({ asked, answer }): EvaluationItem[] => {
      const [, task, measures] = KINDS.find(([pattern]) => pattern.test(asked))!;
      if (!measures) return [];
      const content = [...shown, ...parsePieces(asked)];
      return [{ task, language, measures, format, content, question: asked, pictures, references: [answer] }];
    })
    .slice(0, MOST_QUESTIONS);
}

/** Questions without their pictures, and their answers. */
function exchangesOf(said: Sample['said']): { asked: string; answer: string }[] {
  const bare = (text: string) => text.replace(/(Picture \d+: )?<img>.*?<\/img>\n?/g, '');
  if (said.form === 'completion') {
    return said.parts.map(({ prompt, target }) => ({
      asked: bare(prompt),
      answer: target.replace('<|endoftext|>', '').trim(),
    }));
  }
  const pairs = [];
  for (let i = 0; i + 1 < said.messages.length; i += 2) {
    pairs.push({ asked: bare(said.messages[i].value), answer: said.messages[i + 1].value });
  }
  return pairs;
}
