import type { Paint } from '../report/tree.ts';
import { firstOff, type InputDifference, type InputPart, type InputRun } from './input-report.ts';

/** How many pictures or texts of a part are shown. */
const SHOWN = 3;

/** A golden of pictures or prompts, a line a part, and under one that is off the first places. */
export function inputTree(run: InputRun, paint: Paint): string[] {
  return [
    paint.bold(run.golden.name),
    ...run.parts.flatMap((part) => [partLine(part, paint), ...part.differences.slice(0, SHOWN).map(differenceLine)]),
  ];
}

function partLine({ name, unit, compared, off }: InputPart, paint: Paint): string {
  const label = name.padEnd(34);
  return off === 0
    ? `  ${paint.good('✓')} ${label} ${compared} of ${compared} ${unit}`
    : `  ${paint.bad('✗')} ${label} ${compared - off} of ${compared} ${unit}`;
}

function differenceLine({ item, differing, of, largest, place }: InputDifference): string {
  const by = largest === undefined ? '' : `, by at most ${Number(largest.toPrecision(3))}`;
  return `      ${item}: ${differing.toLocaleString('en')} of ${of.toLocaleString('en')}${by}; ${place}`;
}

/** A line on the whole: where a fault enters, if there is one. */
export function inputSummary(run: InputRun, paint: Paint): string {
  const { name } = run.golden;
  const enters = firstOff(run);
  if (enters) {
    const [{ item, place }] = enters.differences;
    return `${paint.bad('✗')} ${name}: enters at ${enters.name}, in ${enters.off} of ${enters.compared} ${enters.unit}; ${item}, ${place}`;
  }
  const all = run.parts.map(({ name, compared, unit }) => `${name} of ${compared} ${unit}`).join(', ');
  return `${paint.good('✓')} ${name}: equal to the original's: ${all}`;
}
