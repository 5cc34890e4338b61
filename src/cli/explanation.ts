import { DeviceError } from '../../tensor/error.ts';
import { judgeRun, type Run } from '../verify/report/report.ts';
import { digits, percent, scientific } from '../verify/report/tree.ts';
import { dim, print } from './terminal.ts';

/** What a question usually adds to its picture. */
export const QUESTION_TOKENS = 24;

/** A line of an explanation, or several, under a label. */
export function printLine(label: string, text: string): void {
  for (const [i, part] of text.split('\n').entries()) print(`  ${dim((i === 0 ? label : '').padEnd(10))}${part}`);
}

/** How far a tap is from its golden, in each mode. */
export function printErrors(run: Run, name: string): void {
  if (run.outcome !== 'measured') throw new DeviceError(`${run.device.name}: ${run.reason}`);
  for (const { mode, taps } of judgeRun(run).modes) {
    const judged = taps.find(({ tap }) => tap.name === name);
    if (!judged) continue;
    const { tap, budget, share } = judged;
    const twin = tap.exact ? `; PyTorch's own float32 ${scientific(tap.exact.pytorch)}` : '';
    print(
      `  ${dim(mode.padEnd(10))}NMSE ${scientific(budget.found)} to ${budget.against}, ${percent(share)} of what is allowed${twin}`,
    );
    print(
      `            ${dim(`worst at ${tap.place}: ${digits(tap.metrics.worst.actual)}, the original has ${digits(tap.metrics.worst.reference)}`)}`,
    );
  }
  print(`  ${dim('ran on'.padEnd(10))}${run.device.description}, golden ${run.golden.name}`);
}
