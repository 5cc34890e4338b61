import { compareGolden } from '../../verify/compare.ts';
import type { GoldenInputs } from '../../verify/golden.ts';
import { judgeRun } from '../../verify/report/report.ts';
import { goldenIn } from './golden-in.ts';
import { fetchedFolder } from './page-folders.ts';
import type { Context } from './service.ts';

/** How far an activation is from what PyTorch computed for the golden's prompt. */
export interface GoldenBadge {
  /** Against the float64 twin where there is one, else against PyTorch's float32. */
  readonly nmse: number;
  readonly against: 'float64' | 'float32';
  /** In units of PyTorch's own rounding: its float32 against its float64. Undefined without a twin. */
  readonly ratio: number | undefined;
  /** What is allowed; at most 1 passes. */
  readonly share: number;
}

export interface GoldenResult {
  /** By the activation's name. */
  readonly badges: Readonly<Record<string, GoldenBadge>>;
  /** The golden's prompt in words. */
  readonly prompt: string;
  /** Whether the last exchange is that very prompt, to the last bit of its pixels: then the badges are of the numbers that are shown. */
  readonly same: boolean;
}

/**
 * Compares every activation of a golden prompt with PyTorch's, on the device that is open, as `qvl verify` does.
 *
 * @throws CheckpointError when the golden cannot be had, or is none of the model that is open
 */
export async function golden(
  { address, name }: { readonly address: string; readonly name: string },
  context: Context<{ readonly done: number; readonly total: number }>,
): Promise<GoldenResult> {
  const { system, device, last } = context.engine();
  const found = await goldenIn(await fetchedFolder(address), name);
  context.signal.throwIfAborted();
  const measured = await compareGolden(system.model, found, {
    onProgress: (done, total) => context.report({ done, total }),
  });
  const [{ taps }] = judgeRun({
    golden: { name, kind: 'trained', provenance: found.provenance },
    device: { name: device.name, description: device.description },
    ...{ outcome: 'measured', seconds: 0, free: measured },
  }).modes;
  const badges = taps.map(({ tap, budget, share }) => {
    const badge: GoldenBadge = { nmse: budget.found, against: budget.against, ratio: tap.exact?.ratio, share };
    return [tap.name, badge] as const;
  });
  return {
    badges: Object.fromEntries(badges),
    prompt: system.tokenizer.decode([...found.inputs.ids]),
    same: last !== undefined && isSame(last.inputs, found.inputs),
  };
}

const isSame = (a: GoldenInputs, b: GoldenInputs): boolean => equal(a.ids, b.ids) && equal(a.pixels, b.pixels);

const equal = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.prototype.every.call(a, (value, i) => value === b[i]);
