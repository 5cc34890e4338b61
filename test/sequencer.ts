import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, in seconds on two cores: they begin first, or one of them would run on alone at the end. */
const LONGEST: Readonly<Record<string, number>> = {
  'golden/answers': 22,
  'golden/golden': 20,
  'browser/traps': 16,
  'profile/clock': 15,
  'browser/kernels': 14,
  'museum/museum': 13,
  'kernels/kernels': 13,
  'export/export': 12,
  'train/gradients': 12,
  'museum/backward': 11,
  'fuzz/fuzz': 11,
  'golden/compact': 10,
  'simd/shared': 9,
  'kernels/gradients': 9,
  'profile/cli': 8,
  'train/curve': 8,
  'verify/cli': 8,
  'train/browser': 8,
  'profile/profile': 7,
  'cli/listeners': 7,
  'generate/answer': 7,
  'golden/browser': 7,
  'profile/browser': 6,
  'kernels/traps': 5,
  'cli/main-job': 5,
  'browser/pictures': 5,
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
