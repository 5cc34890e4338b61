import { MODES, type Mode, type TapMeasurement } from '../compare.ts';
import { type Divergence, firstDivergence } from '../divergence.ts';
import { firstOff, type InputRun } from '../inputs/input-report.ts';
import { type Budget, budgets, type Excess, judge, type Kind, TOLERANCES, type Tolerances } from '../tolerances.ts';

/** What a report is called in its file, and which version of its form this is. */
export const SCHEMA = 'qwen-vl-ts/verify';
export const SCHEMA_VERSION = 2;

/** Measurements and where they come from. Verdicts are not in it: they are made of it, by a table that may change. */
export interface Report {
  readonly schema: typeof SCHEMA;
  readonly version: typeof SCHEMA_VERSION;
  readonly made: Made;
  readonly runs: readonly Run[];
  /** Of pictures and prompts. */
  readonly inputs?: readonly InputRun[];
}

/** Where and when. */
export interface Made {
  readonly date: string;
  /** The version of this project. */
  readonly project: string;
  readonly runtime: string;
  readonly system: string;
}

/** One golden on one device. */
export interface Run {
  readonly golden: {
    readonly name: string;
    readonly kind: Kind;
    readonly provenance: Readonly<Record<string, string>>;
  };
  readonly device: {
    /** What was asked for. */
    readonly name: string;
    /** What ran. */
    readonly description: string;
  };
  /** `unavailable`: no such device here; `degraded`: it broke, or fell back to another, on the way. */
  readonly outcome: 'measured' | 'unavailable' | 'degraded';
  /** Why it was not measured. */
  readonly reason?: string;
  readonly seconds: number;
  readonly free?: readonly TapMeasurement[];
  readonly forced?: readonly TapMeasurement[];
  readonly fused?: readonly TapMeasurement[];
}

/** What a table says of one run. */
export interface Verdict {
  readonly run: Run;
  readonly status: 'pass' | 'over budget' | 'unavailable' | 'degraded';
  readonly modes: readonly ModeVerdict[];
  /** Where the fault enters, of all modes; undefined when nothing is over budget, or no tap says where. */
  readonly entry: Divergence | undefined;
}

export interface ModeVerdict {
  readonly mode: Mode;
  readonly taps: readonly JudgedTap[];
  /** How many are over budget. */
  readonly failed: number;
  readonly divergence: Divergence | undefined;
}

export interface JudgedTap {
  readonly tap: TapMeasurement;
  readonly budget: Budget;
  /** The larger share of what is allowed, of the NMSE or of one element: 1 and more is over budget. */
  readonly share: number;
  readonly excess: Excess | undefined;
}

/** Judges one run. A run that was not measured never passes. @throws InputError when the table has no row for its device */
export function judgeRun(run: Run, tolerances: Tolerances = TOLERANCES): Verdict {
  const modes = MODES.flatMap((mode): ModeVerdict[] => {
    const results = run[mode];
    if (!results || results.length === 0) return [];
    const { device, golden } = run;
    const excesses = judge(results, device.name, golden.kind, { mode, tolerances });
    const budgetOf = budgets(results, device.name, golden.kind, { mode, tolerances });
    const excessOf = new Map(excesses.map((excess) => [excess.name, excess]));
    const taps = results.map((tap) => {
      const budget = budgetOf(tap);
      const share = Math.max(of(budget.found, budget.nmse), of(tap.metrics.maxRelative, budget.element));
      return { tap, budget, share, excess: excessOf.get(tap.name) };
    });
    return [
      {
        mode,
        taps,
        failed: excesses.length,
        divergence: firstDivergence(results, excesses, budgetOf, mode === 'forced'),
      },
    ];
  });
  const entry = entryOf(modes);
  if (run.outcome !== 'measured') return { run, status: run.outcome, modes, entry };
  const compared = modes.reduce((count, { taps }) => count + taps.length, 0);
  const failed = compared === 0 || modes.some((mode) => mode.failed > 0);
  return { run, status: failed ? 'over budget' : 'pass', modes, entry };
}

/**
 * Where a fault enters: where the first of the modes leaves the original, in the order of the computation. A forced block inherits
 * nothing, so that it shows a fault where it is; one that adds too little for that to every block exceeds first running free; what
 * only an answer does exceeds in no other mode, or later.
 */
function entryOf(modes: readonly ModeVerdict[]): Divergence | undefined {
  const order = modes.flatMap(({ taps }) => taps.map(({ tap }) => tap.name));
  return modes
    .flatMap(({ divergence }) => divergence ?? [])
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name) || a.unseen - b.unseen)[0];
}

/** A found value as a share of what is allowed; nothing found is none of nothing allowed. */
const of = (found: number, allowed: number): number => (found === 0 ? 0 : found / allowed);

/** The exit code of verdicts: 0 all pass, 1 over budget or an input is off, 3 a device was missing or gave way. */
export function exitCodeOf(verdicts: readonly Verdict[], inputs: readonly InputRun[] = []): 0 | 1 | 3 {
  if (inputs.some(firstOff)) return 1;
  if (verdicts.some(({ status }) => status === 'over budget')) return 1;
  return verdicts.some(({ status }) => status !== 'pass') ? 3 : 0;
}

/** A report as text; what is no finite number becomes its name, which JSON can hold. */
export function writeReport(report: Report): string {
  const named = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  return `${JSON.stringify(report, named)}\n`;
}
