import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, in seconds on two cores: they begin first, or one of them would run on alone at the end. */
const LONGEST: Readonly<Record<string, number>> = {
  'golden/golden': 22,
  'browser/traps': 19,
  'profile/clock-browser': 18,
  'train/gradients': 16,
  'museum/museum': 16,
  'export/export': 16,
  'browser/kernels': 16,
  'profile/cli': 14,
  'museum/backward': 14,
  'kernels/kernels': 14,
  'golden/answers': 13,
  'golden/compact': 13,
  'fuzz/fuzz': 13,
  'verify/cli': 11,
  'profile/profile': 10,
  'kernels/gradients': 10,
  'generate/answer': 10,
  'cli/listeners': 10,
  'train/browser': 9,
  'input/image-hostile': 9,
  'cli/main-job': 8,
  'verify/faults': 7,
  'simd/shared': 7,
  'profile/browser': 7,
  'model/invariants': 7,
  'golden/browser': 7,
  'kernels/traps': 6,
  'browser/pictures': 6,
  'verify/commands': 5,
  'train/curve': 5,
  'train/run': 5,
  library: 5,
};

/** Vitest knows how long files take only after it has run them once, and a fresh clone has not. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const seconds = ({ moduleId }: TestSpecification) =>
      LONGEST[relative(import.meta.dirname, moduleId).replace('.test.ts', '')] ?? 0;
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => seconds(b) - seconds(a));
  }
}
