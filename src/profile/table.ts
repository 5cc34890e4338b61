import { columns } from '../columns.ts';
import type { Profile } from './profile.ts';
import { type Limit, ratesOf } from './rates.ts';
import { DECODE, type LaunchRecord, type PassRecord } from './record.ts';
import { areLow, type Roofs } from './roofs.ts';
import { attributed, firstExtra, type Group, groupBy, groupOf, impossible, partsOf } from './summary.ts';
import { digits, milliseconds, percent, percentInTenths, scaled, shapeText, UNKNOWN } from './text.ts';

/** How many of the longest launches are listed one by one. */
const LONGEST = 10;

/** What a number is, in the words of the tables' last lines. */
export const PROVENANCE = [
  'measured: ms and what is divided by them · exact, from shapes: launches, FLOP · modelled: B, every input and output element moved once',
  `of the roof: the time that the measured roofs allow, by the time it took · ${UNKNOWN} could not be measured`,
];

/**
 * A profile as lines of a terminal.
 *
 * @param span what parts from the first kernel on are together
 */
export function profileLines(profile: Profile, roofs: Roofs | undefined, span: string): string[] {
  const { stepwise, fused, first } = profile;
  return [
    ...partLines(profile, span),
    '',
    ...groupLines('operation', stepwise.launches, fused.launches, ({ op }) => op, roofs),
    '',
    ...groupLines('part', stepwise.launches, fused.launches, ({ part }) => part, roofs),
    '',
    ...longestLines(stepwise.launches, roofs),
    '',
    ...firstLines(first.launches, stepwise.launches, firstExtra(profile)),
    '',
    ...PROVENANCE,
    ...errorLines(impossible(stepwise, roofs), roofs),
  ];
}

function partLines({ stepwise, fused, unwatched }: Profile, span: string): string[] {
  const asItRuns = new Map(partsOf(unwatched).map((part) => [part.name, part.milliseconds]));
  const gap = (slow: number, fast: number) => `${slow >= fast ? '+' : ''}${milliseconds(slow - fast)}`;
  const rows = partsOf(stepwise).map((part) => {
    const fast = asItRuns.get(part.name) ?? 0;
    return [
      part.times > 1 ? `${part.name} × ${part.times}` : part.name,
      ...[milliseconds(part.milliseconds), percent(part.milliseconds / stepwise.milliseconds), String(part.launches)],
      ...[part.kernels, part.launching, part.uploads, part.reads, part.between].map(milliseconds),
      ...[milliseconds(fast), gap(part.milliseconds, fast)],
    ];
  });
  const header = [
    'part',
    'ms',
    'share',
    'launches',
    'kernels',
    'launching',
    'upload',
    'read',
    'between',
    'as it runs',
    'gap',
  ];
  const sum = (value: (part: ReturnType<typeof partsOf>[number]) => number) =>
    partsOf(stepwise).reduce((total, part) => total + value(part), 0);
  const total = [
    ...[
      'total',
      milliseconds(stepwise.milliseconds),
      percent(sum((part) => part.milliseconds) / stepwise.milliseconds),
    ],
    String(stepwise.launches.length),
    ...[
      sum((s) => s.kernels),
      sum((s) => s.launching),
      sum((s) => s.uploads),
      sum((s) => s.reads),
      sum((s) => s.between),
    ].map(milliseconds),
    ...[milliseconds(unwatched.milliseconds), gap(stepwise.milliseconds, unwatched.milliseconds)],
  ];
  return [
    ...columns([header, ...rows, total]),
    `${span}, ${percentInTenths(attributed(stepwise))} of the stepwise time belongs to kernels by name, ${percentInTenths(attributed(fused))} as it runs`,
    ...decodeLines(unwatched),
  ];
}

/** Steps of decoding differ: the cache grows, and engines have their own ideas. */
function decodeLines({ parts }: PassRecord): string[] {
  const steps = parts.filter(({ name }) => name === DECODE).map((part) => part.milliseconds);
  if (steps.length < 2) return [];
  const sorted = [...steps].sort((a, b) => a - b);
  const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1]].map(milliseconds);
  return [`a step of decoding: ${median} ms in the median, ${least} to ${most}`];
}

const rateCells = ({
  milliseconds: time,
  operations,
  bytes,
  arithmetic,
  bandwidth,
  intensity,
  share,
  limit,
}: Group) => [
  milliseconds(time),
  ...[scaled(operations, 'FLOP'), scaled(bytes, 'B')],
  ...[digits(arithmetic), digits(bandwidth), digits(intensity), roofText(share, limit)],
];

const roofText = (share: number | null, limit: Limit | null): string =>
  share === null ? UNKNOWN : `${percent(share)} ${limit}`;

const RATES = ['ms', 'operations', 'bytes', 'GFLOP/s', 'GB/s', 'FLOP/B', 'of the roof'];

function groupLines(
  title: string,
  launches: readonly LaunchRecord[],
  unwatched: readonly LaunchRecord[],
  key: (launch: LaunchRecord) => string,
  roofs: Roofs | undefined,
): string[] {
  const known = new Map(groupBy(unwatched, key, roofs).map((group) => [group.name, group]));
  const groups = groupBy(launches, key, roofs);
  const only = [...known.values()].filter(({ name }) => !groups.some((group) => group.name === name));
  const total = groupOf('all', launches, roofs);
  const share = ({ milliseconds: time }: Group) =>
    percent(time === null || total.milliseconds === null ? null : time / total.milliseconds);
  return columns([
    [title, 'launches', 'share', ...RATES, 'ms as it runs'],
    ...[...groups, total].map((group) => {
      const other = group === total ? groupOf('all', unwatched, roofs) : known.get(group.name);
      const time = other ? milliseconds(other.milliseconds) : '';
      return [group.name, String(group.launches), share(group), ...rateCells(group), time];
    }),
    ...only.map((group) => [
      group.name,
      String(group.launches),
      '',
      '',
      ...rateCells(group).slice(1),
      milliseconds(group.milliseconds),
    ]),
  ]);
}

/** The name of what a launch makes: an activation, or a step on the way to one. */
export const nameOf = ({ tap, path }: LaunchRecord): string => tap ?? `${path}.…`;

function longestLines(launches: readonly LaunchRecord[], roofs: Roofs | undefined): string[] {
  const longest = [...launches].sort((a, b) => b.awaited.milliseconds - a.awaited.milliseconds).slice(0, LONGEST);
  return columns([
    ['longest launches', ...RATES, 'shape', 'operation'],
    ...longest.map((launch) => {
      const group = { ...launch, name: '', launches: 1, ...ratesOf(launch, launch.milliseconds, roofs) };
      return [nameOf(launch), ...rateCells(group), shapeText(launch.shape), launch.op];
    }),
  ]);
}

/** The first pass launches what later ones launch, in the same order. */
function firstLines(
  first: readonly LaunchRecord[],
  later: readonly LaunchRecord[],
  extra: number | undefined,
): string[] {
  if (extra === undefined) return ['first call: no slower than later ones'];
  const extras = new Map<string, number>();
  for (const [i, { op, awaited, launching }] of first.entries()) {
    const again = later[i].awaited.milliseconds + later[i].launching.milliseconds;
    extras.set(op, (extras.get(op) ?? 0) + awaited.milliseconds + launching.milliseconds - again);
  }
  const most = [...extras].sort((a, b) => b[1] - a[1]).slice(0, 5);
  return [
    `first call: ${milliseconds(extra)} ms more than later ones: kernels compiled, weights packed, JavaScript still slow`,
    `  of that ${most.map(([op, time]) => `${op} ${milliseconds(time)}`).join(' · ')}`,
  ];
}

function errorLines(launches: readonly LaunchRecord[], roofs: Roofs | undefined): string[] {
  if (launches.length === 0) return [];
  const shown = launches.slice(0, LONGEST).map((launch) => {
    const { share, limit } = ratesOf(launch, launch.milliseconds, roofs);
    return `  ${launch.op} ${nameOf(launch)} ${shapeText(launch.shape)}: ${roofText(share, limit)}`;
  });
  return [
    '',
    roofs && areLow(roofs)
      ? `${launches.length} launches above a roof: other programs took ${percent(roofs.others!)} of the processors while it was measured`
      : `ACCOUNTING ERROR: ${launches.length} launches above a roof: their cost, their time or the roof is wrong`,
    ...shown,
  ];
}
