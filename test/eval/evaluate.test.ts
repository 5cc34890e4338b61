import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EvaluationItem, evaluate } from '../../src/eval/evaluate.ts';
import { ask, load, openPicture, type QwenVL } from '../../src/index.ts';

let model: QwenVL;
beforeAll(async () => {
  model = await load('golden/tiny', { device: 'simd', threads: 2 });
});
afterAll(() => model.close());

test('every answer is that of its own question, whatever is asked beside it', async () => {
  const asked = [
    ['scene-1.png', 'b', 'What is in the picture?'],
    ['scene-2.png', 'a', '框出图中红色的正方形的位置'],
    ['scene-4.png', 'b', 'What is in the picture?'],
    ['scene-2.png', 'a', 'What is in the picture?'],
  ] as const;
  const items = await Promise.all(
    asked.map(async ([name, task, question]): Promise<EvaluationItem> => {
      const pictures = [await openPicture({ path: `golden/tiny/pictures/${name}` })];
      const content = [{ image: '' }, { text: question }];
      return { task, language: '', measures: ['exact'], format: 'chatml', content, question, pictures, references: [] };
    }),
  );
  const raw: EvaluationItem = {
    ...items[0],
    format: 'raw',
    content: [{ image: '', numbered: false }, { text: 'The' }],
  };
  const progress: number[] = [];
  const judged = await evaluate(model, [raw, ...items], { batch: 3, onProgress: (done) => progress.push(done) });
  const alone = [];
  for (const { pictures, question } of items) alone.push(await ask(model, pictures, question, { temperature: 0 }));
  expect(judged.slice(1).map(({ answer }) => answer)).toEqual(alone);
  expect(new Set(alone).size).toBe(4);
  expect(judged[0].answer).not.toBe(alone[0]); // it was to go on with its text
  expect(progress).toEqual([1, 4, 5]);
});
