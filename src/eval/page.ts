import { drawRegions, encodePng } from '../input/boxes/draw.ts';
import { parseGrounding } from '../input/boxes/grounding.ts';
import { encodeBase64 } from '../input/picture/base64.ts';
import type { Picture } from '../input/picture/picture.ts';
import { html, type Markup } from '../markup.ts';
import { STYLE } from '../verify/report/html-style.ts';
import type { Made } from '../verify/report/report.ts';
import { type ThingsRow, thingsTable } from './by-things.ts';
import { MEASURES } from './measures.ts';
import { type Row, scaled, type worstOf } from './table.ts';

export interface PageContext {
  readonly made: Made;
  /** What was asked, and what was asked about: for people. */
  readonly model: string;
  readonly set: string;
}

const PAGE_STYLE = `
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 14px; }
.card { border: 1px solid var(--line); border-radius: 10px; padding: 12px; font-size: 13px; } .card p { margin: 6px 0 0; }
.card img { width: 168px; image-rendering: auto; border-radius: 6px; margin-right: 6px; vertical-align: top; }
td.number, th.number { text-align: right; } .scroll td:last-child { min-width: 0; }
`;

/** An evaluation as one page that needs nothing else: the table, and the worst answers with their pictures and what they point at. */
export async function evaluationPage(
  { made, model, set }: PageContext,
  rows: readonly Row[],
  byThings: readonly ThingsRow[],
  worst: ReturnType<typeof worstOf>,
): Promise<string> {
  const tasks = [...new Set(worst.map(({ item }) => item.task))];
  const cards = new Map<string, Markup[]>();
  for (const { item, score } of worst) {
    const { regions } = parseGrounding(item.answer);
    const pictures = item.pictures.map((picture) => image(picture));
    const pointed = item.pictures.length === 1 && regions.some(({ shapes }) => shapes.length > 0);
    if (pointed) pictures.push(image(await drawRegions(item.pictures[0], regions)));
    const card = html`<div class="card">${pictures}<p><b>${item.question}</b></p><p>${item.answer || '(nothing)'}</p>
<p class="dim">expected: ${item.references.join(' · ')}</p><p class="dim">${item.language}, ${MEASURES[item.measures[0]].title} ${scaled(item.measures[0], score)}</p></div>`;
    cards.set(item.task, [...(cards.get(item.task) ?? []), card]);
  }
  const { markup } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Qwen-VL, how good the answers are</title>
<style>${{ markup: STYLE + PAGE_STYLE }}</style></head><body><main>
<h1>How good the answers are</h1><p class="lead">${model} on ${set}</p>
<section><h2>By task and language</h2><div class="scroll"><table><thead><tr><th>task</th><th>language</th><th>measure</th><th class="number">answers</th><th class="number">mean</th><th class="number">95 % confidence</th></tr></thead><tbody>
${rows.map(
  ({ task, language, measure, count, mean, interval: [low, high] }) =>
    html`<tr><td>${task}</td><td>${language}</td><td>${MEASURES[measure].title}</td><td class="number">${count}</td><td class="number">${scaled(measure, mean)}</td><td class="number">${scaled(measure, low)} to ${scaled(measure, high)}</td></tr>`,
)}</tbody></table></div></section>
${byThings.length === 0 ? [] : thingsSection(thingsTable(byThings))}
${tasks.map((task) => html`<section><h2>The worst: ${task}</h2><div class="cards">${cards.get(task)!}</div></section>`)}
<footer>${made.date} · ${made.project} · ${made.runtime}</footer></main></body></html>
`;
  return markup;
}

const thingsSection = ([head, ...body]: string[][]): Markup => html`<section><h2>By how many things there are</h2>
<div class="scroll"><table><thead><tr>${head.map((cell, i) => (i < 2 ? html`<th>${cell}</th>` : html`<th class="number">${cell}</th>`))}</tr></thead><tbody>
${body.map((row) => html`<tr>${row.map((cell, i) => (i < 2 ? html`<td>${cell}</td>` : html`<td class="number">${cell}</td>`))}</tr>`)}</tbody></table></div></section>`;

const image = (picture: Picture): Markup =>
  html`<img alt="" src="data:image/png;base64,${encodeBase64(encodePng(picture))}">`;
