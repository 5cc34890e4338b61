import { html, type Markup } from '../markup.ts';
import { STYLE } from '../verify/report/html-style.ts';
import { PROFILE_STYLE } from './html-style.ts';
import { groupTable, launchTable, partTable } from './html-tables.ts';
import { describeWork, type ProfileContext } from './json.ts';
import type { Profile } from './profile.ts';
import type { PassRecord } from './record.ts';
import { type Point, rooflinePlot } from './roofline.ts';
import { areLow } from './roofs.ts';
import { attributed, firstExtra, groupBy, impossible, partsOf } from './summary.ts';
import { digits, milliseconds, percentInTenths, scaled } from './text.ts';

/**
 * A profile as one page that needs nothing else: no script, no font, no picture from anywhere. Its content policy forbids them,
 * so that not even an oversight in escaping could run anything.
 */
export function profilePage(context: ProfileContext, profile: Profile): string {
  const { made, machine, device, roofs, model } = context;
  const { stepwise, fused, unwatched, runs, tokens } = profile;
  const { title, amount, span } = describeWork(context.work, tokens.length);
  const names = [...new Set(stepwise.parts.map(({ name }) => name))];
  const colour = (part: string) => `part-${Math.min(5, names.indexOf(part))}`;
  const errors = impossible(stepwise, roofs);
  const { markup } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Qwen-VL, where the time goes</title>
<style>${{ markup: STYLE + PROFILE_STYLE }}</style></head><body><main>
<h1>Where the time goes</h1>
<p class="lead">${title} — ${model} on ${device.description}: ${amount}, in <b>${milliseconds(unwatched.milliseconds)} ms</b>
as it runs and ${milliseconds(stepwise.milliseconds)} ms with every operation awaited by itself: of ${runs} runs each, the one whose model was fastest.
${firstText(firstExtra(profile))}</p>
${errors.length > 0 && html`<p class="bad">${!areLow(roofs!) && html`<b>Accounting error:</b> `}${errors.length} launches stand above a roof. ${areLow(roofs!) ? 'Other programs ran while it was measured, and made it too low' : 'Their cost, their time or the roof is wrong'}; they are marked below.</p>`}
<section><h2>Parts</h2>
${strip('stepwise: every operation awaited, every activation heard', stepwise, fused, colour)}
${strip('as it runs, no activation heard', fused, stepwise, colour)}
${partTable(profile, colour)}
<p class="dim">${percentInTenths(attributed(stepwise))} of the time ${span} belongs to kernels by name (launching and running them); as it runs, ${percentInTenths(attributed(fused))}.</p></section>
<section><h2>Roofline</h2>
${
  roofs
    ? html`<p class="dim">Each circle is one operation in one part, its area the time. The lines are what this machine reached when it did nothing else: ${digits(roofs.multiplyAdd)} GFLOP/s, ${digits(roofs.memory)} GB/s from memory; dashed, what lies in a cache of that size. A launch that computes next to nothing takes ${digits(1000 * roofs.launch)} µs.</p>
${rooflinePlot(pointsOf(stepwise, context), roofs, colour)}
<figcaption>${names.map((name) => html`<span><span class="swatch ${colour(name)}"></span>${name}</span>`)}</figcaption>`
    : html`<p class="dim">The roofs of this machine were not measured.</p>`
}</section>
<section><h2>Operations</h2>${groupTable(
    groupBy(stepwise.launches, ({ op }) => op, roofs),
    groupBy(fused.launches, ({ op }) => op, roofs),
  )}</section>
<section><h2>Launches</h2><p class="dim">Stepwise, in the order in which they ran; the kernels of each with their own times.</p>
${names.map((name) =>
  launchTable(
    name,
    stepwise.launches.filter(({ part }) => part === name),
    roofs,
  ),
)}</section>
<section><h2>What the numbers are</h2><dl>
<dt>measured</dt><dd>times, by the host’s clock around an awaited launch or by the device’s own; what is divided by them; the roofs</dd>
<dt>exact</dt><dd>launches, shapes, floating-point operations (${scaled(
    stepwise.launches.reduce((sum, { operations }) => sum + operations, 0),
    'FLOP',
  )} in all): they follow from the shapes</dd>
<dt>modelled</dt><dd>bytes, and operations a byte: every element of an input and of the output moves once, whatever a kernel really moves</dd>
<dt>–</dt><dd>could not be measured</dd></dl></section>
<footer>${made.date} · ${made.project} · ${made.runtime} · ${machine}</footer></main></body></html>
`;
  return markup;
}

/** The parts side by side, as long as they took: what was spent in kernels, and pale what was not. */
const firstText = (extra: number | undefined): string =>
  extra === undefined
    ? 'The first pass of all was no slower.'
    : `The first pass of all took ${milliseconds(extra)} ms more: kernels are compiled in it, weights packed, JavaScript is still slow.`;

function strip(label: string, pass: PassRecord, other: PassRecord, colour: (part: string) => string): Markup {
  const width = (time: number) => ((100 * time) / Math.max(pass.milliseconds, other.milliseconds)).toFixed(3);
  return html`<p class="label">${label}, ${milliseconds(pass.milliseconds)} ms</p><div class="strip">${partsOf(
    pass,
  ).map(
    ({ name, milliseconds: time, kernels, launching }) =>
      html`<i class="${colour(name)}" style="width:${width(kernels)}%" title="${name}, in kernels: ${milliseconds(kernels)} ms"></i><i class="other ${colour(name)}" style="width:${width(time - kernels)}%" title="${name}, on the host: ${milliseconds(time - kernels)} ms, of that launching ${milliseconds(launching)} ms"></i>`,
  )}</div>`;
}

/** One point for each operation in each part. */
function pointsOf({ launches }: PassRecord, { roofs }: ProfileContext): Point[] {
  const parts = [...new Set(launches.map(({ part }) => part))];
  return parts.flatMap((part) =>
    groupBy(
      launches.filter((launch) => launch.part === part),
      ({ op }) => op,
      roofs,
    ).map((group) => ({ ...group, part })),
  );
}
