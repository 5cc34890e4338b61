import type { Timing } from '../measure.ts';

export const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

/** Three significant digits. */
export const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value.toPrecision(value < 0.1 ? 2 : 3);
/** How many times as fast: two significant digits. */
export const ratio = (value: number): string => `${Number(value.toPrecision(2))} ×`;
export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
export const spread = ({ least, most }: Timing): string => `${digits(least)} – ${digits(most)}`;
