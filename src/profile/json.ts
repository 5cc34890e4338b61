import type { Made } from '../verify/report/report.ts';
import type { Profile } from './profile.ts';
import { ratesOf } from './rates.ts';
import type { PassRecord } from './record.ts';
import type { Roofs } from './roofs.ts';

/** What a profile was made of, and where. */
export interface ProfileContext {
  readonly made: Made;
  readonly machine: string;
  readonly device: { readonly name: string; readonly description: string };
  /** Undefined where they were not measured: then nothing is a share of them. */
  readonly roofs: Roofs | undefined;
  readonly model: string;
  readonly question: string;
  /** Tokens of the prompt, its pictures' among them. */
  readonly prompt: number;
}

/** How each number of a launch came about. */
const PROVENANCE = {
  'launching, awaited, kernels': 'measured, in milliseconds, by the host’s clock',
  milliseconds: 'measured, by the clock that `source` names; null: could not be measured',
  'operations, shape, inputs': 'exact',
  bytes: 'modelled: every input and output element moves once',
  'arithmetic, bandwidth': 'operations (GFLOP/s) or bytes (GB/s), by milliseconds',
  intensity: 'operations by bytes',
  share: 'the time that the measured roofs allow, by milliseconds; above 1: an accounting error',
} as const;

/** A profile for other programs: one record a launch, with its rates. */
export function profileJson(context: ProfileContext, profile: Profile): string {
  const { roofs, device } = context;
  const pass = ({ launches, ...rest }: PassRecord) => ({
    ...rest,
    launches: launches.map((launch) => ({
      ...launch,
      device: device.name,
      ran: device.description,
      ...ratesOf(launch, launch.milliseconds, roofs),
    })),
  });
  const { first, stepwise, fused, unwatched, runs, tokens } = profile;
  const whole = {
    ...{ schema: 'qwen-vl-ts profile', version: 1, provenance: PROVENANCE, ...context, runs, tokens },
    ...{ stepwise: pass(stepwise), fused: pass(fused), unwatched: pass(unwatched), first: pass(first) },
  };
  return `${JSON.stringify(whole)}\n`;
}
