import { draftAt, MIXTURES, painted, type Sample, type TaskName, type World } from '../data/index.ts';
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

interface Kind {
  readonly kind: string;
  /** How an answer is judged; undefined where it is not. */
  readonly measures: readonly MeasureName[] | undefined;
  /** The first kind that both fit is a question's: what is asked, and what is expected, tell more together than either. */
  readonly asked: RegExp;
  readonly expected: RegExp;
}

const KINDS: readonly Kind[] = [
  { kind: 'text with its places', measures: ['names'], asked: /./, expected: /<quad>/ },
  { kind: 'text', measures: ['anls'], asked: /^Read|^读出/, expected: /./ },
  { kind: 'name of what is in a box', measures: ['exact'], asked: /<box>/, expected: /./ },
  {
    kind: 'box of what is named',
    measures: ['iou'],
    asked: /./,
    expected: /^(<ref>[^<]*<\/ref>)?(<box>[^<]*<\/box>)+$/,
  },
  { kind: 'detection', measures: undefined, asked: /./, expected: /<box>/ }, // the measure of boxes sees the first alone
  {
    kind: 'caption of one of two pictures',
    measures: ['things', 'cider'],
    asked: /./,
    expected: /^Picture \d shows|^图\d中有/,
  },
  { kind: 'two pictures told apart', measures: ['exact'], asked: /^Which picture|^哪张图/, expected: /./ },
  { kind: 'caption', measures: ['things', 'cider'], asked: /^Generate the caption/, expected: /./ },
  { kind: 'caption', measures: ['things', 'cider'], asked: /./, expected: /^The picture shows|^图中有/ },
  { kind: 'number', measures: ['exact'], asked: /^What number|^数字/, expected: /./ },
  { kind: 'count', measures: ['exact'], asked: /^How many|有几/, expected: /^\d+$/ },
  { kind: 'word', measures: ['exact'], asked: /^What is written|^写着/, expected: /./ },
  { kind: 'other questions', measures: ['exact'], asked: /./, expected: /./ },
];

/** How many things a scene has. */
const ITEMS = [1, 4] as const;

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
  const mixture = { ...MIXTURES[stage], items: ITEMS };
  return Array.from({ length: scenes }, (_, i) => {
    const options = { stage, seed, side, mixture, task: tasks[i % tasks.length] };
    const draft = draftAt(world, options, i);
    const [scene, another] = draft.scenes;
    const counted = scene && !another ? { things: scene.items.length } : {};
    return itemsOf(painted(draft, options, i)).map((item) => ({ ...item, ...counted }));
  }).flat();
}

function itemsOf({ language, pictures, said }: Sample): EvaluationItem[] {
  const format = said.form === 'completion' ? 'raw' : 'chatml';
  const shown = pictures.map((_, i): Piece => ({ image: String(i + 1), numbered: format === 'chatml' }));
  return exchangesOf(said)
    .flatMap(({ asked, answer }): EvaluationItem[] => {
      const { kind, measures } = KINDS.find((each) => each.asked.test(asked) && each.expected.test(answer))!;
      if (!measures) return [];
      const content = [...shown, ...parsePieces(asked)];
      return [{ task: kind, language, measures, format, content, question: asked, pictures, references: [answer] }];
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
