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
  readonly work: AnswerWork | TrainingWork;
}

/** An answer to a question. */
export interface AnswerWork {
  readonly question: string;
  /** Tokens of the prompt, its pictures' among them. */
  readonly prompt: number;
}

/** A step of training. */
export interface TrainingWork {
  readonly conversations: number;
  /** Of each conversation, its picture's among them. */
  readonly length: number;
  /** Whether blocks ran again on the way back. */
  readonly recompute: boolean;
}

/** What was profiled, and how much of it. @param made how many tokens were generated */
export function describeWork(
  work: ProfileContext['work'],
  made: number,
): { title: string; amount: string; span: string } {
  if ('question' in work) {
    const span = 'from the picture on the device to the first token';
    return { title: work.question, amount: `${work.prompt} tokens in, ${made} out`, span };
  }
  const { conversations, length, recompute } = work;
  const blocks = recompute ? 'blocks run again' : 'every activation kept';
  return {
    title: 'A step of training',
    amount: `${conversations} conversations of ${length} tokens with a picture each, everything trained, ${blocks}`,
    span: 'over the whole step',
  };
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
export function profileJson({ work, ...context }: ProfileContext, profile: Profile): string {
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
    ...{ schema: 'qwen-vl-ts profile', version: 2, provenance: PROVENANCE, ...context, ...work, runs, tokens },
    ...{ stepwise: pass(stepwise), fused: pass(fused), unwatched: pass(unwatched), first: pass(first) },
  };
  return `${JSON.stringify(whole)}\n`;
}
