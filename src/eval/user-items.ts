import { type ConversationLine, readConversationLines, withLine } from '../data/conversation-lines.ts';
import { InputError } from '../error.ts';
import { openPictures } from '../input/picture/picture-source.ts';
import { parsePieces } from '../input/prompt/pieces.ts';
import { quote } from '../quote.ts';
import type { EvaluationItem } from './evaluate.ts';
import { MEASURES, type MeasureName } from './measures.ts';

/**
 * A user's questions: conversations as for fine-tuning (conversation-lines.ts), of which the last answer is what is expected. A line may say more:
 * `"measure"` (one of `MEASURES`), `"references"` (all answers that are right, in place of the last), `"task"` and `"language"` for the table.
 *
 * @param imageSize pixels a side that the model sees
 * @throws InputError that names the line
 */
export async function userItems(path: string, imageSize: number): Promise<EvaluationItem[]> {
  const items: EvaluationItem[] = [];
  for (const line of await readConversationLines(path)) {
    const opened = await withLine(line, () =>
      openPictures(
        line.pictures.map((path) => ({ path })),
        imageSize,
      ),
    );
    items.push({ ...itemOf(line), pictures: opened });
  }
  return items;
}

function itemOf({ where, messages, more }: ConversationLine): Omit<EvaluationItem, 'pictures'> {
  const refuse = (field: string, expected: string) =>
    new InputError(where, `${field} is ${quote(more[field])}, expected ${expected}`, 'or leave it out');
  const last = messages.at(-1)!;
  if (messages.length !== 2 || last.from !== 'assistant') {
    throw new InputError(where, `${messages.length} messages`, 'give one question and its answer');
  }
  const { measure, references = [last.value] } = more;
  const named = Object.keys(MEASURES).find((name) => name === measure) as MeasureName | undefined;
  if (measure !== undefined && !named) throw refuse('measure', Object.keys(MEASURES).join(', '));
  if (!isTexts(references)) throw refuse('references', 'texts');
  const text = (field: 'task' | 'language', otherwise: string): string => {
    const value = more[field] ?? otherwise;
    if (typeof value !== 'string' || value.length > 100) throw refuse(field, 'a short text');
    return value;
  };
  const question = messages[0].value;
  return {
    task: text('task', 'conversation'),
    language: text('language', /\p{Script=Han}/u.test(question) ? 'Chinese' : 'English'),
    measures: [named ?? (/<box>/.test(last.value) ? 'iou' : 'exact')],
    format: 'chatml',
    content: parsePieces(question),
    question,
    references,
  };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
