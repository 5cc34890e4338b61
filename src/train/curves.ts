import { html, type Markup } from '../markup.ts';
import { STYLE } from '../verify/report/html-style.ts';
import type { Made } from '../verify/report/report.ts';
import type { RunSettings } from './settings.ts';
import type { StepRecord } from './state.ts';

/** A training run for other programs: its settings, and a record of each step. */
export function curvesJson(made: Made, settings: RunSettings, history: readonly StepRecord[]): string {
  return `${JSON.stringify({ schema: 'qwen-vl-ts training', version: 1, made, settings, steps: history })}\n`;
}

const WIDTH = 1080;
const HEIGHT = 240;
const MARGIN = { left: 64, right: 12, top: 12, bottom: 24 };
/** A curve has no more points: each is the mean of some steps, for single steps hide what they have in common. */
const MOST_POINTS = 400;
const COLOURS = [
  '#2563c9',
  '#c2660c',
  '#0a8a5f',
  '#8b46c1',
  '#b3365f',
  '#7a8394',
  '#0f8ea3',
  '#9a7d0a',
  '#5b5fd6',
  '#d1495b',
];

/** A training run as one page that needs nothing else: losses, learning rate and norm of the gradients by step. */
export function curvesPage(made: Made, { phases, seed }: RunSettings, history: readonly StepRecord[]): string {
  const total = history.reduce(
    (sum, { tokens, pictures, milliseconds }) => ({
      tokens: sum.tokens + tokens,
      pictures: sum.pictures + pictures,
      hours: sum.hours + milliseconds / 3_600_000,
    }),
    { tokens: 0, pictures: 0, hours: 0 },
  );
  const tasks = [...new Set(history.flatMap((record) => Object.keys(record.tasks)))].sort();
  const evaluated = [...new Set(history.flatMap(({ evaluation }) => Object.keys(evaluation ?? {})))].sort();
  const { markup } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Qwen-VL, how it learned</title>
<style>${{ markup: STYLE }}</style></head><body><main>
<h1>How it learned</h1>
<p class="lead">${phases.map(({ phase, recipe }) => `${phase}: ${recipe.steps} steps of ${recipe.batch}`).join(', ')}; seed ${seed}.
${history.length} steps made, ${total.pictures.toLocaleString('en')} pictures, ${total.tokens.toLocaleString('en')} tokens, ${total.hours.toFixed(2)} hours.</p>
${chart('Loss, in nats per token', history, ['all', ...tasks], (record, name) => (name === 'all' ? record.loss : record.tasks[name]))}
${evaluated.length > 0 && chart('Evaluation on scenes that it does not learn from', history, evaluated, ({ evaluation }, name) => evaluation?.[name])}
${chart('Learning rate', history, ['rate'], ({ rate }) => rate)}
${chart('Norm of the gradients, before they are clipped at 1', history, ['norm'], ({ norm }) => norm)}
<section><h2>Settings</h2><div class="scroll"><table><thead><tr><th>phase</th><th>steps</th><th>batch</th><th>warm-up</th><th>peak</th><th>minimum</th><th>pictures</th><th>layer-wise</th></tr></thead><tbody>
${phases.map(
  ({ phase, recipe: { steps, batch, warmup, peak, minimum, image, layerDecay } }) =>
    html`<tr>${[phase, steps, batch, warmup, peak, minimum, image, layerDecay].map((cell) => html`<td>${cell}</td>`)}</tr>`,
)}</tbody></table></div></section>
<footer>${made.date} · ${made.project} · ${made.runtime}</footer></main></body></html>
`;
  return markup;
}

interface Point {
  readonly at: number;
  readonly value: number;
}

/** Curves over the steps, one after another through all phases. */
function chart(
  title: string,
  history: readonly StepRecord[],
  names: readonly string[],
  read: (record: StepRecord, name: string) => number | undefined,
): Markup {
  const curves = names.map((name) => smoothed(history.map((record) => read(record, name))));
  const values = curves.flat().map(({ value }) => value);
  if (values.length === 0) return html``;
  const [low, high] = [Math.min(0, ...values), Math.max(...values)];
  const x = (at: number) => MARGIN.left + (at / Math.max(1, history.length - 1)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    MARGIN.top + ((high - value) / (high - low || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  const starts = history.flatMap(({ phase }, i) => (i > 0 && history[i - 1].phase !== phase ? [i] : []));
  const colour = (i: number) => COLOURS[i % COLOURS.length];
  return html`<section><h2>${title}</h2><figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
${ticks.map((tick) => html`<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}"/><text class="tick" x="${MARGIN.left - 8}" y="${y(tick).toFixed(1)}">${Number(tick.toPrecision(2))}</text>`)}
${starts.map((at) => html`<line class="grid" x1="${x(at).toFixed(1)}" x2="${x(at).toFixed(1)}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}"/>`)}
${curves.map((points, i) => html`<g style="color:${colour(i)}"><path d="${points.map(({ at, value }, p) => `${p === 0 ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join('')}"/>${points.length < 60 && points.map(({ at, value }) => html`<circle cx="${x(at).toFixed(1)}" cy="${y(value).toFixed(1)}" r="2"><title>${names[i]}, step ${at + 1}: ${Number(value.toPrecision(4))}</title></circle>`)}</g>`)}
<text class="stage" x="${WIDTH / 2}" y="${HEIGHT - 6}">${history.length} steps →</text></svg>
<figcaption>${names.length > 1 && names.map((name, i) => html`<span class="key" style="color:${colour(i)}">${name}</span>`)}</figcaption></figure></section>`;
}

/** At most so many points, each the mean of the values of some steps, where there are any. */
function smoothed(values: readonly (number | undefined)[]): Point[] {
  const size = Math.ceil(values.length / MOST_POINTS);
  const points: Point[] = [];
  for (let from = 0; from < values.length; from += size) {
    const own = values.slice(from, from + size).filter((value) => value !== undefined);
    const at = from + (Math.min(size, values.length - from) - 1) / 2;
    if (own.length > 0) points.push({ at, value: own.reduce((a, b) => a + b) / own.length });
  }
  return points;
}
