import { html, type Markup } from '../../markup.ts';
import { listOperations } from '../divergence.ts';
import type { Histogram } from '../histogram.ts';
import type { ScoreMetrics } from '../scores.ts';
import { outline } from './outline.ts';
import type { JudgedTap, Verdict } from './report.ts';
import { count, digits, notFinite, percent, scientific, shorten } from './tree.ts';

/** The taps of a run, block by block; blocks with something over budget are open. */
export function tapTables(verdict: Verdict): Markup {
  return html`${outline(verdict).map(
    ({ name, groups }) =>
      html`<h3>${name}</h3>${groups.map((group) => {
        const judged = group.taps.map((tap) =>
          verdict.modes.map(({ taps }) => taps.find((each) => each.tap.name === tap)),
        );
        const failed = judged.some((modes) => modes.some((each) => each?.excess));
        const worst = Math.max(0, ...judged.flat().map((each) => each?.share ?? 0));
        return html`<details${failed && html` open`}><summary class="${failed ? 'bad' : 'good'}"><b>${group.name}</b> <span class="dim">${count(group.taps.length)}, at most ${percent(worst)} of what is allowed</span></summary>
<div class="scroll"><table><thead><tr><th>tap</th><th>made by</th>${verdict.modes.map(({ mode }) => html`<th>NMSE, ${mode}</th>`)}<th>|error|, log₁₀</th><th>ulp: half · 99 % · all</th><th>worst element</th></tr></thead>
<tbody>${judged.map((modes) => row(modes, group.name))}</tbody></table></div></details>`;
      })}`,
  )}`;
}

function row(modes: readonly (JudgedTap | undefined)[], group: string): Markup {
  const first = modes.find((each) => each !== undefined);
  if (!first) return html``;
  const { tap } = first;
  const { metrics } = tap;
  const title = `${tap.name}: cosine ${metrics.cosine.toPrecision(8)}, max |error| ${scientific(metrics.maxAbsolute)}, relative ${scientific(metrics.maxRelative)}, ${metrics.elements} elements`;
  return html`<tr class="${modes.some((each) => each?.excess) ? 'over' : ''}" title="${title}"><td><code>${shorten(tap.name, group)}</code><br><span class="dim">[${tap.shape.join(' × ')}]</span></td>
<td class="dim">${listOperations(tap.operations, 6) || '='}</td>${modes.map((each) => html`<td class="number">${each && share(each)}</td>`)}
<td>${histogram(metrics.histogram)}</td><td class="number">${[metrics.ulp.p50, metrics.ulp.p99, metrics.ulp.max].map(short).join(' · ')}</td>
<td>${tap.place}<br><span class="dim">${digits(metrics.worst.actual)}, the original ${digits(metrics.worst.reference)}</span>${notFinite(
    metrics,
  ).map((text) => html`<br><b class="bad">${text}</b>`)}${tap.scores && scoreLine(tap.scores, first)}</td></tr>`;
}

function share({ budget, share: found, excess }: JudgedTap): Markup {
  const width = Number.isFinite(found) ? Math.min(100, 100 * found) : 100;
  return html`${scientific(budget.found)} <span class="dim">${percent(found)}</span><span class="bar"><i class="${excess ? 'over' : ''}" style="width:${width.toFixed(0)}%"></i></span>`;
}

function scoreLine(scores: ScoreMetrics, { budget }: JudgedTap): Markup {
  const flips = scores.flips.map(
    ({ row, expected, found, margin }) =>
      html`<br>row ${row} chooses ${found}, not ${expected}: ${margin <= budget.margin ? 'noise' : html`<b class="bad">a bug</b>`}, the margin is ${scientific(margin)}`,
  );
  return html`<br><span class="dim">KL ${scientific(scores.maxDivergence)}, top-5 overlap ${percent(scores.topOverlap)}, ${scores.flipCount} of ${scores.rows} rows flipped, smallest margin ${scientific(scores.smallestMargin)}</span>${flips}`;
}

const short = (value: number): string =>
  value < 10 ? value.toFixed(1) : value < 1000 ? value.toFixed(0) : scientific(value);

/** Bars for the buckets of half a decade, the tallest as high as the picture. */
function histogram({ zeros, infinite, first, counts }: Histogram): Markup {
  if (counts.length === 0) return html`<span class="dim">${infinite > 0 ? 'not finite' : 'equal to the bit'}</span>`;
  const tallest = Math.max(...counts);
  const wide = Math.max(72, 6 * counts.length);
  const bar = wide / counts.length;
  const label = (at: number) => Number((at / 2).toFixed(1));
  return html`<svg class="histogram" viewBox="0 0 ${wide} 36" width="${wide}" height="36" role="img"><title>${zeros} errors of 0</title>${counts.map(
    (count, i) =>
      count === 0
        ? undefined
        : html`<rect x="${(i * bar + 0.5).toFixed(1)}" y="${(26 - (24 * count) / tallest).toFixed(1)}" width="${(bar - 1).toFixed(1)}" height="${((24 * count) / tallest).toFixed(1)}"/>`,
  )}<text x="0" y="35">${label(first)}</text><text x="${wide}" y="35" text-anchor="end">${label(first + counts.length)}</text></svg>`;
}
