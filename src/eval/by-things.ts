/**
 * How good answers are by how many things stand in the picture. The mean over all scenes hides what a model has not learned: one that finds a
 * single thing every time and points at any of several is right in half of all scenes.
 */
import { columns } from '../columns.ts';
import type { Judged } from './evaluate.ts';
import { MEASURES, type MeasureName } from './measures.ts';
import { grouped, scaled } from './table.ts';

export interface ThingsRow {
  readonly task: string;
  readonly measure: MeasureName;
  readonly things: number;
  readonly count: number;
  readonly mean: number;
}

/** A row for each task and number of things, by the first of the task's measures, in all languages. */
export function thingsRows(judged: readonly Judged[]): ThingsRow[] {
  return [...grouped(judged, ({ task }) => task)].flatMap(([task, ofTask]) => {
    const measure = ofTask[0].measures[0];
    const told = ofTask.filter((item) => item.things !== undefined && item.measures[0] === measure);
    const scores = MEASURES[measure].scores(told);
    return [...new Set(told.map((item) => item.things!))]
      .sort((a, b) => a - b)
      .map((things) => {
        const own = scores.filter((_, i) => told[i].things === things);
        return { task, measure, things, count: own.length, mean: own.reduce((a, b) => a + b, 0) / own.length };
      });
  });
}

/** The rows as a table whose columns are numbers of things, with how many answers each mean is of. Empty where no number is known. */
export function thingsTable(rows: readonly ThingsRow[]): string[][] {
  const numbers = [...new Set(rows.map(({ things }) => things))].sort((a, b) => a - b);
  const head = ['task', 'measure', ...numbers.map((things) => `${things} ${things === 1 ? 'thing' : 'things'}`)];
  const body = [...grouped(rows, ({ task }) => task)].map(([task, own]) => [
    ...[task, MEASURES[own[0].measure].title],
    ...numbers.map((number) => {
      const row = own.find(({ things }) => things === number);
      return row ? `${scaled(row.measure, row.mean)} of ${row.count}` : '';
    }),
  ]);
  return rows.length === 0 ? [] : [head, ...body];
}

/** The table for a terminal. */
export const thingsLines = (rows: readonly ThingsRow[]): string[] => columns(thingsTable(rows), 2);
