import { columns } from '../columns.ts';
import type { Judged } from './evaluate.ts';
import type { Interval } from './intervals.ts';
import { MEASURES, type MeasureName, summarise } from './measures.ts';

/** How good the answers to one task are, in one language or in all. */
export interface Row {
  readonly task: string;
  /** `all` for all together. */
  readonly language: string;
  readonly measure: MeasureName;
  readonly count: number;
  readonly mean: number;
  /** With 95 % confidence. */
  readonly interval: Interval;
}

/** A row for each task, measure and language, by their names, and where there are several languages one for all behind them. */
export function rowsOf(judged: readonly Judged[]): Row[] {
  const rows: Row[] = [];
  for (const [task, ofTask] of grouped(judged, ({ task }) => task)) {
    for (const measure of new Set(ofTask.flatMap(({ measures }) => measures))) {
      const measured = ofTask.filter(({ measures }) => measures.includes(measure));
      // By language, for where scores depend on each other, they do on those of one language.
      const byLanguage = [...grouped(measured, ({ language }) => language)].map(
        ([language, items]) => [language, MEASURES[measure].scores(items)] as const,
      );
      const all = ['all', byLanguage.flatMap(([, scores]) => scores)] as const;
      for (const [language, scores] of byLanguage.length > 1 ? [...byLanguage, all] : byLanguage) {
        rows.push({ task, language, measure, count: scores.length, ...summarise(measure, scores) });
      }
    }
  }
  return rows;
}

/** The answers with the lowest scores of each task, by the first of its measures. */
export function worstOf(judged: readonly Judged[], most: number): { readonly item: Judged; readonly score: number }[] {
  return [...grouped(judged, ({ task, measures }) => `${task} ${measures[0]}`).values()].flatMap((items) => {
    const scores = MEASURES[items[0].measures[0]].scores(items);
    const order = [...items.keys()].sort((a, b) => scores[a] - scores[b] || a - b);
    return order.slice(0, most).map((i) => ({ item: items[i], score: scores[i] }));
  });
}

/** A table for a terminal. */
export function tableLines(rows: readonly Row[]): string[] {
  const cells = rows.map(({ task, language, measure, count, mean, interval: [low, high] }) => [
    ...[task, language, MEASURES[measure].title, String(count)],
    ...[scaled(measure, mean), `${scaled(measure, low)} to ${scaled(measure, high)}`],
  ]);
  return columns([['task', 'language', 'measure', 'answers', 'mean', '95 % confidence'], ...cells], 3);
}

/** CIDEr is told from 0 to 10, as it is computed; all others in per cent. */
export const scaled = (measure: MeasureName, score: number): string =>
  measure === 'cider' ? score.toFixed(2) : `${(100 * score).toFixed(1)} %`;

/** The groups, by their names. */
export function grouped<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}
