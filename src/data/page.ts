/** Samples as a page: pictures, texts with what is supervised marked, regions drawn. */
import { drawRegions, encodePng } from '../input/boxes/draw.ts';
import { parseGrounding } from '../input/boxes/grounding.ts';
import { encodeBase64 } from '../input/picture/base64.ts';
import type { Picture } from '../input/picture/picture.ts';
import { html, type Markup } from '../markup.ts';
import { type Sample, textOf } from './samples/sample.ts';

/** A sample with its text as the model reads it. */
export interface ShownSample {
  readonly sample: Sample;
  readonly spans: readonly { readonly text: string; readonly supervised: boolean }[];
  readonly tokens: number;
  readonly supervised: number;
}

const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --dim: #667085; --line: #e4e7ec; --mark: #d8f3e3; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e3e7ee; --dim: #929cae; --line: #2a313c; --mark: #14512f; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; } h1 { font-size: 26px; margin: 0 0 4px; } p { color: var(--dim); margin: 0; }
section { border-top: 1px solid var(--line); padding: 18px 0; } h2 { font-size: 15px; margin: 0 0 8px; } h2 span { font-weight: 400; color: var(--dim); }
figure { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 10px; } img { width: 224px; border-radius: 6px; image-rendering: pixelated; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.6 ui-monospace, monospace; color: var(--dim); margin: 0; } mark { background: var(--mark); color: var(--ink); border-radius: 3px; }
table { border-collapse: collapse; margin: 0 0 10px; font-size: 13px; } td { border: 1px solid var(--line); padding: 3px 10px; min-width: 5em; height: 1.5em; }
`;

/** @returns a page that needs nothing else, and may not ask for anything */
export async function samplesPage(title: string, lead: string, shown: readonly ShownSample[]): Promise<string> {
  const sections: Markup[] = [];
  for (const [i, each] of shown.entries()) sections.push(await section(each, i));
  const { markup } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>${title}</title>
<style>${{ markup: STYLE }}</style></head><body><main>
<h1>${title}</h1><p>${lead}</p>
${sections}
</main></body></html>
`;
  return markup;
}

async function section({ sample, spans, tokens, supervised }: ShownSample, index: number): Promise<Markup> {
  const { task, language, pictures, slots = [] } = sample;
  const images = pictures.map((picture) => image(picture));
  const regions = parseGrounding(textOf(sample)).regions.filter(({ shapes }) => shapes.length > 0);
  // Regions do not say which picture they mean: of several none is drawn on.
  if (pictures.length === 1 && regions.length > 0)
    images.push(image(await drawRegions(enlarged(pictures[0]), regions)));
  return html`<section><h2>${index} · ${task} <span>${language} · ${tokens} tokens, ${supervised} supervised</span></h2>
<figure>${images}</figure>${slots.map(grid)}
<pre>${spans.map(({ text, supervised: learnt }) => (learnt ? html`<mark>${text}</mark>` : text))}</pre></section>`;
}

const image = (picture: Picture): Markup =>
  html`<img alt="" src="data:image/png;base64,${encodeBase64(encodePng(picture))}">`;

/** The words that stand for a picture, row by row. */
function grid(words: readonly string[]): Markup {
  const side = Math.sqrt(words.length);
  const rows = Array.from({ length: side }, (_, row) => words.slice(row * side, (row + 1) * side));
  return html`<table>${rows.map((row) => html`<tr>${row.map((word) => html`<td>${word}</td>`)}</tr>`)}</table>`;
}

/** Each pixel as a square, to make room for the regions' names; a picture that is large enough stays. */
function enlarged(picture: Picture): Picture {
  const times = Math.max(1, Math.floor(448 / Math.max(picture.width, picture.height)));
  const [width, height] = [picture.width * times, picture.height * times];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const from = (Math.floor(y / times) * picture.width + Math.floor(x / times)) * 3;
      for (let channel = 0; channel < 3; channel++) data[at + channel] = picture.data[from + channel];
    }
  }
  return { width, height, data };
}
