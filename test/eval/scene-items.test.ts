import { beforeAll, describe, expect, test } from 'vitest';
import { openWorld, type World } from '../../src/data/index.ts';
import { thingsLines, thingsRows } from '../../src/eval/by-things.ts';
import { evaluationPage } from '../../src/eval/page.ts';
import { EVALUATION_SEEDS, sceneItems } from '../../src/eval/scene-items.ts';
import { rowsOf, tableLines, worstOf } from '../../src/eval/table.ts';
import { formatPieces } from '../../src/input/prompt/pieces.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});

const itemsOf = (stage: 2 | 3, seed = 0) =>
  sceneItems(world, { stage, seed: EVALUATION_SEEDS + seed, side: 14, scenes: 120 });

describe.each([2, 3] as const)('questions in the format of stage %i', (stage) => {
  test('are of every kind that a model is judged by, in both languages', () => {
    const items = itemsOf(stage);
    const kinds = new Set(items.map(({ task }) => task));
    const both = [
      'caption',
      'name of what is in a box',
      'box of what is named',
      'count',
      'number',
      'word',
      'other questions',
    ];
    const own =
      stage === 2
        ? ['text with its places']
        : ['text', 'text with its places', 'two pictures told apart', 'caption of one of two pictures'];
    expect([...kinds].sort()).toEqual([...both, ...own].sort());
    for (const kind of kinds) {
      const own = items.filter(({ task }) => task === kind);
      // Of a kind that is seldom asked for, a language may not be there by chance; that format of stage 2 tells none.
      const languages = stage === 2 && kind === 'name of what is in a box' ? 1 : 2;
      if (own.length >= 10) expect(new Set(own.map(({ language }) => language)).size, kind).toBe(languages);
    }
    for (const { task, question, references, pictures, content } of items) {
      // What is asked for by its kind is what the reference is.
      if (task === 'count' || task === 'number') expect(references[0], question).toMatch(/^\d+$|^none$|^没有$/);
      if (task === 'box of what is named') expect(references[0], question).toMatch(/<box>/);
      if (task === 'text with its places') expect(references[0], question).toMatch(/<quad>/);
      if (task === 'two pictures told apart')
        expect(references[0]).toMatch(/^(Picture |图)[12][.。]$|^Neither\.$|^一样多。$/);
      if (task === 'other questions') expect(references[0], question).not.toMatch(/<|^\d+$/);
      if (task === 'caption') expect(references[0], question).toMatch(stage === 2 ? /./ : /^The picture shows|^图中有/);
      const shown = (typeof content === 'string' ? [] : content).filter((piece) => 'image' in piece);
      expect(shown).toHaveLength(pictures.length);
      expect(pictures).toHaveLength(/two pictures/.test(task) ? 2 : 1);
      expect(question).not.toContain('<img>');
      expect(references[0]).not.toMatch(/<\|endoftext\|>|^ /);
    }
  });

  test('answered as they should be are judged to be right', () => {
    const judged = itemsOf(stage).map((item) => ({ ...item, answer: item.references[0] }));
    for (const { task, measure, mean, interval } of rowsOf(judged)) {
      if (measure !== 'cider') expect(mean, `${task}, ${measure}`).toBe(1);
      // A caption of one or two words has no runs of four.
      else expect(mean).toBeGreaterThan(2);
      expect(interval[0] <= mean && mean <= interval[1] + 1e-12).toBe(true);
    }
    const wrong = judged.map((item) => ({ ...item, answer: '?' }));
    for (const { task, mean } of rowsOf(wrong)) expect(mean, task).toBe(0);
  });
});

test('what is asked is the same for a seed, and another for another', () => {
  const questions = (seed: number) => itemsOf(2, seed).map(({ content }) => formatPieces(content));
  expect(questions(0)).toEqual(questions(0));
  expect(questions(0)).not.toEqual(questions(1));
});

test('the table has a row for all languages, and the worst come first on the page', async () => {
  const items = itemsOf(2)
    .slice(0, 40)
    .map((item, i) => ({ ...item, task: 'task <b>', answer: i === 7 ? '<script>' : item.references[0] }));
  const judged = items.map((item) => ({ ...item, measures: ['exact'] as const }));
  const rows = rowsOf(judged);
  expect(rows.map(({ language }) => language)).toEqual(['Chinese', 'English', 'all']);
  const all = rows.find(({ language }) => language === 'all')!;
  expect(all).toMatchObject({ count: 40, mean: 39 / 40 });
  expect(tableLines(rows).find((line) => / all /.test(line))).toMatch(/exact match +40 +97\.5 % +87\.1 % to 99\.6 %$/);
  const worst = worstOf(judged, 2);
  expect(worst.map(({ score }) => score)).toEqual([0, 1]);
  const made = { date: '', project: '', runtime: '', system: '' };
  const page = await evaluationPage({ made, model: 'm', set: 's' }, rows, thingsRows(judged), worst);
  expect(page).not.toMatch(/<script>|<b>\s*<\/h2>|task <b>/);
  expect(page.match(/data:image\/png/g)).toHaveLength(
    worst.flatMap(({ item }) => item.pictures).length + worst.filter(({ item }) => /<box>/.test(item.answer)).length,
  );
});

test('one that finds single things alone is told by the number of things', () => {
  const judged = itemsOf(3).map((item) => ({ ...item, answer: item.things === 1 ? item.references[0] : '?' }));
  const rows = thingsRows(judged);
  const boxes = rows.filter(({ task }) => task === 'box of what is named');
  expect(boxes.map(({ things, mean }) => [things, mean])).toEqual([
    [1, 1],
    [2, 0],
    [4, 0], // by chance there are no three in these scenes
  ]);
  for (const { task, things, count } of rows) {
    expect(count, task).toBe(judged.filter((item) => item.task === task && item.things === things).length);
  }
  // Two pictures have two numbers.
  expect(new Set(rows.map(({ task }) => task))).not.toContain('two pictures told apart');
  const [head, ...lines] = thingsLines(rows);
  expect(head).toMatch(/^task +measure +1 thing +2 things +3 things +4 things$/);
  expect(lines.find((line) => line.startsWith('box of'))).toMatch(/IoU ≥ 0\.5 +100\.0 % of \d+ +0\.0 % of \d+/);
  expect(thingsLines(thingsRows(judged.map(({ things: _, ...item }) => item)))).toEqual([]);
});
