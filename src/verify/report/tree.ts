import { listOperations } from '../divergence.ts';
import type { Metrics } from '../metrics.ts';
import { outline } from './outline.ts';
import type { JudgedTap, ModeVerdict, Verdict } from './report.ts';

/** How words are set apart, where they can be. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const NAME = 34;
const VALUE = 18;

/**
 * A verdict as a tree of parts, blocks and taps; what is fine is collapsed. Each line has, for either mode, the NMSE of its
 * worst tap and the share of its budget.
 */
export function tree(verdict: Verdict, paint: Paint): string[] {
  const { run, modes } = verdict;
  const title = `${run.golden.name} × ${run.device.name}`;
  const ran = run.device.description;
  if (modes.length === 0) return [`${paint.bold(title)}  ${paint.dim(ran)}`];
  const headings = modes.map(({ mode }) => mode.padStart(VALUE)).join('');
  const lines = [
    `${title.length < NAME ? paint.bold(title.padEnd(NAME)) : `${paint.bold(title)}\n${' '.repeat(NAME)}`}${headings}  ${paint.dim(ran)}`,
  ];
  const row = (depth: number, name: string, taps: readonly string[], note = '') => {
    const found = modes.map((mode) => worstOf(mode, taps));
    const ok = found.every((judged) => !judged?.excess);
    const values = found.map((judged) => (judged ? value(judged) : '').padStart(VALUE)).join('');
    const label = `${'  '.repeat(depth)}${ok ? '✓' : '✗'} ${name}`.padEnd(NAME);
    const line = `${label}${values}  ${paint.dim(note)}`.trimEnd();
    lines.push(ok ? line : paint.bad(line));
    return ok;
  };
  for (const { name, groups } of outline(verdict)) {
    const taps = groups.flatMap((group) => group.taps);
    if (row(1, name, taps, count(taps.length))) continue;
    for (const group of groups) {
      if (row(2, group.name, group.taps, count(group.taps.length))) continue;
      for (const taps of runs(group.taps, (tap) => modes.every((mode) => !worstOf(mode, [tap])?.excess))) {
        const names = [...new Set([taps[0], taps[taps.length - 1]].map((tap) => shorten(tap, group.name)))];
        if (row(3, names.join(' … '), taps, taps.length > 1 ? count(taps.length) : '')) continue;
        for (const text of details(modes, taps[0])) lines.push(`          ${paint.dim(text)}`);
      }
    }
  }
  return lines;
}

/** Consecutive taps that are fine are one entry, every other is one of its own. */
function runs(taps: readonly string[], fine: (tap: string) => boolean): string[][] {
  const found: string[][] = [];
  let open = false;
  for (const tap of taps) {
    if (open && fine(tap)) found.at(-1)!.push(tap);
    else found.push([tap]);
    open = fine(tap);
  }
  return found;
}

/** The verdict of a run in one line. */
export function summary(verdict: Verdict, paint: Paint): string {
  const { run, status } = verdict;
  const mark = status === 'pass' ? paint.good('✓') : paint.bad('✗');
  return `${mark} ${run.golden.name} × ${run.device.name}: ${findings(verdict)}`;
}

/** What was found, without the names of golden and device. */
export function findings(verdict: Verdict): string {
  const { run, status, modes } = verdict;
  if (status === 'pass') return [...modes.map(best), ...flips(modes)].join('; ');
  if (status !== 'over budget') return `${status}: ${run.reason ?? 'no reason given'}`;
  if (modes.length === 0) return 'nothing was compared';
  const counts = modes.map(({ mode, taps, failed }) => `${failed} of ${count(taps.length)} ${mode}`).join(', ');
  return `over budget ${counts}; ${enters(verdict)}`;
}

/** Tokens that are not the original's although all is within budget: their margin is below the noise. */
function flips(modes: readonly ModeVerdict[]): string[] {
  const free = modes.find(({ mode }) => mode === 'free')?.taps ?? [];
  const logits = free.filter(({ tap }) => tap.name !== 'lm_head'); // the same as `logits`
  const flipped = logits.reduce((sum, { tap }) => sum + (tap.scores?.flipCount ?? 0), 0);
  return flipped > 0 ? [`${flipped} flipped token${flipped > 1 ? 's' : ''} by noise`] : [];
}

/** Where the fault enters, and what may have let it in. */
function enters({ entry: found }: Verdict): string {
  if (!found) return 'not where, the taps in between were left out';
  const by = found.operations.length > 0 ? `: ${listOperations(found.operations)}` : '';
  const unseen = found.unseen > 0 ? `, or unseen in ${count(found.unseen)} before` : '';
  return `enters at ${found.name}${unseen}${found.after ? `, after ${found.after}` : ''}${by}`;
}

function best({ mode, taps }: ModeVerdict): string {
  const worst = taps.reduce((a, b) => (b.share > a.share ? b : a));
  const ratios = taps.flatMap(({ tap }) => (tap.exact ? [{ name: tap.name, ratio: tap.exact.ratio }] : []));
  if (mode === 'free' && ratios.length > 0) {
    const far = ratios.reduce((a, b) => (b.ratio > a.ratio ? b : a));
    return `${taps.length} taps free, at most ${far.ratio.toFixed(3)} × PyTorch's own rounding (${far.name})`;
  }
  return `${taps.length} ${mode}, at most ${percent(worst.share)} of what is allowed (${worst.tap.name})`;
}

function worstOf({ taps }: ModeVerdict, names: readonly string[]): JudgedTap | undefined {
  const own = taps.filter(({ tap }) => names.includes(tap.name));
  return own.length === 0 ? undefined : own.reduce((a, b) => (rank(b) > rank(a) ? b : a));
}

/** What is over budget comes first; a flipped token has no share. */
const rank = ({ share, excess }: JudgedTap): number => (excess ? 1e9 + Math.min(share, 1e300) : share);

const value = ({ budget, share }: JudgedTap): string => `${scientific(budget.found)} ${percent(share).padStart(6)}`;

/** A tap's name within its block. */
export function shorten(tap: string, group: string): string {
  if (tap.endsWith(`.${group}`)) return 'output';
  const at = tap.indexOf(`.${group}.`);
  return at < 0 ? tap.replace(/^transformer\.(visual\.)?/, '') : tap.slice(at + group.length + 2);
}

/** What is known of a tap that is over budget, once for each mode in which it is. */
function details(modes: readonly ModeVerdict[], name: string): string[] {
  return modes.flatMap(({ mode, taps }) => {
    const judged = taps.find(({ tap, excess }) => tap.name === name && excess);
    if (!judged?.excess) return [];
    const { metrics, place, scores } = judged.tap;
    const { measure, found, allowed } = judged.excess;
    const what = { nmse: 'NMSE', element: 'one element', token: 'margin of a flipped token' }[measure];
    return [
      `${mode}: ${what} ${scientific(found)}, allowed ${scientific(allowed)}; at ${place}: ${digits(metrics.worst.actual)}, the original has ${digits(metrics.worst.reference)}`,
      ...notFinite(metrics).map((text) => `${mode}: ${text}`),
      ...(scores && scores.flipCount > 0
        ? [`${mode}: ${scores.flipCount} of ${scores.rows} rows choose another token`]
        : []),
    ];
  });
}

/** How much of either side is no finite number, if anything is. */
export function notFinite({ nonFinite }: Metrics): string[] {
  const { nan, infinite, referenceNan, referenceInfinite } = nonFinite;
  if (nan + referenceNan + infinite + referenceInfinite === 0) return [];
  return [`${nan} NaN, ${infinite} infinite; the original has ${referenceNan} NaN, ${referenceInfinite} infinite`];
}

/** As many digits as a float32 has. */
export const digits = (value: number): string => String(Number(value.toPrecision(9)));

export const count = (taps: number): string => `${taps} tap${taps === 1 ? '' : 's'}`;

export const scientific = (value: number): string => (value === 0 ? '0' : value.toExponential(1));

export const percent = (share: number): string =>
  !Number.isFinite(share) ? '∞' : share >= 100 ? '>9999 %' : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
