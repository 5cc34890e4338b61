import { html, type Markup } from '../../markup.ts';
import { depthChart } from './chart.ts';
import { STYLE } from './html-style.ts';
import { tapTables } from './html-taps.ts';
import type { Made, Verdict } from './report.ts';
import { findings } from './tree.ts';

/**
 * A report as one page that needs nothing else: no script, no font, no picture from anywhere. Its content policy forbids
 * them, so that not even an oversight in escaping could run anything.
 */
export function page(made: Made, verdicts: readonly Verdict[]): string {
  const passed = verdicts.filter(({ status }) => status === 'pass').length;
  const { markup } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Qwen-VL, checked against the original</title>
<style>${{ markup: STYLE }}</style></head><body><main>
<h1>Qwen-VL, checked against the original</h1>
<p class="lead"><b class="${passed === verdicts.length ? 'good' : 'bad'}">${passed} of ${verdicts.length} runs pass.</b> Every activation is compared with what the original PyTorch code computed:
running free, with every block beginning from the original’s input, which shows the error that the block adds itself, and fused, as an answer is computed. NMSE is Σ(a − b)² / Σb².</p>
${matrix(verdicts)}
${verdicts.map(section)}
<footer>${made.date} · ${made.project} · ${made.runtime} · ${made.system}</footer></main></body></html>
`;
  return markup;
}

const idOf = ({ run }: Verdict): string => encodeURIComponent(`${run.golden.name}-${run.device.name}`);

/** Goldens down, devices across: what fell back or was missing is no pass. */
function matrix(verdicts: readonly Verdict[]): Markup {
  const devices = [...new Set(verdicts.map(({ run }) => run.device.name))];
  const goldens = [...new Set(verdicts.map(({ run }) => run.golden.name))];
  const cell = (golden: string, device: string) => {
    const verdict = verdicts.find(({ run }) => run.golden.name === golden && run.device.name === device);
    if (!verdict) return html`<td></td>`;
    const ratio = Math.max(
      -1,
      ...verdict.modes.flatMap(({ taps }) => taps.flatMap(({ tap }) => tap.exact?.ratio ?? [])),
    );
    const text = verdict.status === 'pass' && ratio >= 0 ? `${ratio.toFixed(3)} ×` : verdict.status;
    return html`<td><a class="${verdict.status === 'pass' ? 'good' : 'bad'}" href="#${idOf(verdict)}">${text}</a></td>`;
  };
  return html`<table class="matrix"><thead><tr><th></th>${devices.map((device) => html`<th>${device}</th>`)}</tr></thead>
<tbody>${goldens.map((golden) => html`<tr><th>${golden}</th>${devices.map((device) => cell(golden, device))}</tr>`)}</tbody></table>
<p class="dim">The largest distance from float64, as a multiple of PyTorch float32’s own.</p>`;
}

function section(verdict: Verdict): Markup {
  const { run, status, modes } = verdict;
  const provenance = Object.entries(run.golden.provenance);
  return html`<section id="${idOf(verdict)}"><h2><span class="badge ${status === 'pass' ? 'good' : 'bad'}">${status}</span> ${run.golden.name} × ${run.device.name}</h2>
<p>${findings(verdict)}</p>
${modes.length > 0 && html`${depthChart(verdict)}${tapTables(verdict)}`}
<dl><dt>ran on</dt><dd>${run.device.description}, ${run.seconds.toFixed(1)} s</dd><dt>weights</dt><dd>${run.golden.kind}</dd>
${provenance.map(([key, text]) => html`<dt>${key}</dt><dd>${text}</dd>`)}</dl></section>`;
}
