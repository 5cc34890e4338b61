import type { TapMeasurement } from '../../src/verify/compare.ts';
import { measure } from '../../src/verify/metrics.ts';
import { type Report, type Run, SCHEMA, SCHEMA_VERSION } from '../../src/verify/report/report.ts';
import { measureScores } from '../../src/verify/scores.ts';

/** A tap measured on a handful of numbers. */
export function tapOf(
  name: string,
  ours: number[],
  theirs: number[],
  more: Partial<TapMeasurement> = {},
): TapMeasurement {
  const metrics = measure(ours, theirs);
  return {
    name,
    shape: [1, theirs.length],
    operations: ['linear'],
    place: 'token 0',
    nmse: metrics.nmse,
    metrics,
    ...more,
  };
}

/** A run of three taps, the last of which are scores; within what is allowed. */
export const soundRun: Run = {
  golden: { name: 'small', kind: 'random', provenance: { torch: '1.13' } },
  device: { name: 'webasm', description: 'GPU.js webasm, 2 threads' },
  outcome: 'measured',
  seconds: 0.5,
  free: [
    tapOf('transformer.h.0', [1, 2, 3], [1, 2, 3 + 1e-6], { exact: { ours: 1e-13, pytorch: 2e-13, ratio: 0.5 } }),
    tapOf('transformer.h.0.mlp', [1, -1], [1, -1]),
    tapOf('logits', [1, 2, 3], [1, 2, 3], { scores: measureScores([1, 2, 3], [1, 2, 3], 3) }),
  ],
  forced: [tapOf('transformer.h.0', [1, 2, 3], [1, 2, 3 + 1e-6])],
};

export const reportOf = (...runs: Run[]): Report => ({
  schema: SCHEMA,
  version: SCHEMA_VERSION,
  made: { date: '2024-01-01T00:00:00.000Z', project: 'qwen-vl-ts 0.1.0', runtime: 'Node v20', system: 'linux' },
  runs,
});
