import { html, type Markup } from '../markup.ts';
import type { Profile } from './profile.ts';
import { type Rates, ratesOf } from './rates.ts';
import type { LaunchRecord } from './record.ts';
import type { Roofs } from './roofs.ts';
import { type Group, partsOf } from './summary.ts';
import { nameOf } from './table.ts';
import { digits, milliseconds, percent, scaled, shapeText, UNKNOWN } from './text.ts';

const MEASURED = 'measured';
const EXACT = 'exact';
const MODELLED = 'modelled';

/** The head of a column of numbers, and how they came about. */
const head = (name: string, provenance: string): Markup =>
  html`<th class="number">${name}<br><span class="mark">${provenance}</span></th>`;
const cell = (text: string): Markup => html`<td class="number">${text}</td>`;

/** Where the time of each part went, stepwise, and how long it took as it runs. */
export function partTable({ stepwise, unwatched }: Profile, colour: (part: string) => string): Markup {
  const asItRuns = new Map(partsOf(unwatched).map((part) => [part.name, part.milliseconds]));
  const heads = ['ms', 'kernels', 'launching', 'upload', 'read', 'between', 'as it runs', 'gap'];
  return html`<div class="scroll"><table><thead><tr><th>part</th>${head('launches', EXACT)}${heads.map((name) => head(name, MEASURED))}</tr></thead>
<tbody>${partsOf(stepwise).map((part) => {
    const { name, times, launches, kernels, launching, uploads, reads, between } = part;
    const fast = asItRuns.get(name) ?? null;
    const gap = fast === null ? null : part.milliseconds - fast;
    return html`<tr><td><span class="swatch ${colour(name)}"></span>${times > 1 ? `${name} × ${times}` : name}</td>${cell(String(launches))}${[
      ...[part.milliseconds, kernels, launching, uploads, reads, between, fast, gap],
    ].map((time) => cell(milliseconds(time)))}</tr>`;
  })}<tr class="total"><td>all</td>${cell(String(stepwise.launches.length))}${cell(milliseconds(stepwise.milliseconds))}<td></td><td></td><td></td><td></td><td></td>${cell(milliseconds(unwatched.milliseconds))}${cell(milliseconds(stepwise.milliseconds - unwatched.milliseconds))}</tr></tbody></table></div>`;
}

const RATES = html`${head('ms', MEASURED)}${head('operations', EXACT)}${head('bytes', MODELLED)}${head('GFLOP/s', MEASURED)}${head('GB/s', MODELLED)}${head('FLOP/B', MODELLED)}<th>of the roof</th>`;

function rateCells(group: Rates & { operations: number; bytes: number; milliseconds: number | null }): Markup {
  const { arithmetic, bandwidth, intensity, share, limit } = group;
  const width = Math.min(100, 100 * (share ?? 0)).toFixed(0);
  return html`${[
    ...[milliseconds(group.milliseconds), scaled(group.operations, 'FLOP'), scaled(group.bytes, 'B')],
    ...[digits(arithmetic), digits(bandwidth), digits(intensity)],
  ].map(cell)}<td class="number">${
    share === null
      ? UNKNOWN
      : html`${percent(share)} <span class="dim">${limit ?? ''}</span><span class="bar"><i class="${share > 1 && 'over'}" style="width:${width}%"></i></span>`
  }</td>`;
}

export function groupTable(groups: readonly Group[], fused: readonly Group[]): Markup {
  const times = new Map(fused.map((group) => [group.name, group.milliseconds]));
  const only = fused.filter(({ name }) => !groups.some((group) => group.name === name));
  return html`<div class="scroll"><table><thead><tr><th>operation</th>${head('launches', EXACT)}${RATES}${head('as it runs', MEASURED)}</tr></thead>
<tbody>${groups.map(
    (group) =>
      html`<tr><td>${group.name}</td>${cell(String(group.launches))}${rateCells(group)}${cell(times.has(group.name) ? milliseconds(times.get(group.name) ?? null) : '')}</tr>`,
  )}${only.map(
    (group) =>
      html`<tr><td>${group.name} <span class="dim">as it runs alone</span></td>${cell(String(group.launches))}${rateCells(group)}${cell(milliseconds(group.milliseconds))}</tr>`,
  )}</tbody></table></div>`;
}

/** Every launch of a part. */
export function launchTable(name: string, launches: readonly LaunchRecord[], roofs: Roofs | undefined): Markup {
  if (launches.length === 0) return html``;
  const time = launches.reduce((sum, { awaited }) => sum + awaited.milliseconds, 0);
  return html`<details><summary><b>${name}</b> <span class="dim">${launches.length} launches, ${milliseconds(time)} ms</span></summary>
<div class="scroll"><table><thead><tr><th>makes</th><th>operation</th><th>inputs → output</th>${RATES}<th>kernels</th></tr></thead><tbody>${launches.map(
    (launch) => {
      const rates = ratesOf(launch, launch.milliseconds, roofs);
      const inputs = launch.inputs.map((shape) => (shape ? shapeText(shape) : UNKNOWN)).join(' ');
      const kernels = launch.kernels.map((kernel) => `${kernel.name} ${milliseconds(kernel.milliseconds)}`).join(', ');
      return html`<tr class="${(rates.share ?? 0) > 1 && 'error'}"><td><code>${nameOf(launch)}</code></td><td>${launch.op}</td><td class="number">${inputs} → ${shapeText(launch.shape)}</td>${rateCells({ ...launch, ...rates })}<td class="dim">${kernels}</td></tr>`;
    },
  )}</tbody></table></div></details>`;
}
