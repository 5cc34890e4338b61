import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { parseFingerprints } from '../../src/verify/full-size/fingerprint.ts';
import { openFullSize } from '../../src/verify/full-size/full-size-case.ts';
import { loadProgress } from '../../src/verify/full-size/saved-progress.ts';
import { openGolden } from '../../src/verify/golden.ts';
import type { InputPart } from '../../src/verify/inputs/input-report.ts';
import { verifyPictures } from '../../src/verify/inputs/picture-golden.ts';
import { type PromptWay, promptWay, verifyPrompts } from '../../src/verify/inputs/prompt-golden.ts';
import { readReport, readTolerances } from '../../src/verify/report/read-report.ts';
import { judgeRun, writeReport } from '../../src/verify/report/report.ts';
import { TOLERANCES } from '../../src/verify/tolerances.ts';
import { reportOf, soundRun } from '../verify/measured.ts';
import { goldenText, inFolder, link } from './files.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateHeader } from './mutate-safetensors.ts';
import type { Random } from './random.ts';
import { bytesTarget, jsonTarget, parseJson, promise, same, type Target } from './target.ts';

const SAMPLES = 4;

/** golden/full-size/full.json with its first taps, and a few samples of each. */
function fullSize(): string[] {
  const full = JSON.parse(goldenText('full-size/full.json')[0]) as { taps: Record<string, Record<string, unknown>> };
  const taps = Object.entries(full.taps).filter(([name], at) => at < 6 || name.startsWith('_'));
  const few = taps.map(([name, tap]) => {
    const lists = Object.entries(tap).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.slice(0, SAMPLES) : value,
    ]);
    return [name, Object.fromEntries(lists)];
  });
  return [JSON.stringify({ ...full, taps: Object.fromEntries(few) })];
}

function readFingerprints(text: string): void {
  const json = parseJson(text) as { taps?: unknown } | null;
  for (const [name, { shape, index, value }] of parseFingerprints(json?.taps, 'case')) {
    const count = shape.reduce((product, size) => product * size, 1);
    promise(index.length === value.length && index.every((at) => at < count), `the samples of ${name} are inside`);
  }
}

function readMeasurements(text: string): void {
  const report = readReport(text, 'case');
  promise(same(readReport(writeReport(report), 'again'), report), 'a report is read as it was written');
  for (const run of report.runs) judgeRun(run);
}

function readTable(text: string): void {
  const tolerances = readTolerances(text, 'case');
  judgeRun(soundRun, tolerances);
}

const what = { golden: 'ab'.repeat(32), device: 'webasm' };
const progressFile = () =>
  writeSafetensors(new Map([['x', { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) }]]), {
    ...what,
    progress: JSON.stringify({ done: 3, taps: soundRun.free }),
  });

const readProgress = (bytes: Uint8Array) =>
  inFolder({ progress: bytes }, async (folder) => {
    const progress = await loadProgress(`${folder}/progress`, what);
    promise(progress?.x.length === progress!.shape[0] * progress!.shape[1], 'an activation has its shape');
  });

const goldenFile = () =>
  writeSafetensors(
    new Map([
      ['input.ids', { dtype: 'int64', shape: [1, 3], data: BigInt64Array.of(1n, 2n, 3n) }],
      ['input.pixels', { dtype: 'float32', shape: [1, 3, 2, 2], data: new Float32Array(12) }],
      ['decode.tokens', { dtype: 'int64', shape: [1], data: BigInt64Array.of(5n) }],
      ['transformer.h.0', { dtype: 'float32', shape: [1, 3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) }],
      ['transformer.h.0.attn.probs', { dtype: 'float32', shape: [1, 2, 3, 3], data: new Float32Array(18) }],
      ['logits', { dtype: 'float32', shape: [1, 3, 5], data: new Float32Array(15) }],
    ]),
    { torch: '1.13', dtype: 'float32' },
  );

async function readGolden(bytes: Uint8Array): Promise<void> {
  const { taps, inputs } = await openGolden(memorySource(bytes, 'case'), memorySource(goldenFile(), 'twins'));
  promise(inputs.pixels.length === inputs.images * 3 * inputs.size ** 2, 'pictures have their size');
  for (const { shape, values, measure } of taps.values()) {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = await values?.();
    promise(data?.length === count, 'an activation has its shape');
    await measure(data!);
  }
}

const mutateSafetensors = (random: Random, files: readonly Uint8Array[]): Uint8Array =>
  random.chance(0.7) ? mutateHeader(random, files) : mutateBytes(random, files);

const first = (file: string, count: number) =>
  JSON.stringify((JSON.parse(goldenText(file)[0]) as unknown[]).slice(0, count));

const TENSORS = 'preprocess.safetensors';
const readPictures = (text: string) =>
  inFolder(
    { 'preprocess.json': text, 'one.png': link('preprocess/one.png'), [TENSORS]: link(`preprocess/${TENSORS}`) },
    async (folder) => keepsCount((await verifyPictures(folder)).parts),
  );
let small: PromptWay | undefined;
const readPrompts = (file: 'encode.json' | 'chatml.json') => (text: string) =>
  inFolder({ [file]: text }, async (folder) => {
    small ??= promptWay(createTokenizer(goldenText('tiny/qwen.tiktoken')[0], 'qwen.tiktoken', 16));
    keepsCount((await verifyPrompts(folder, small)).parts);
  });

const keepsCount = (parts: readonly InputPart[]) =>
  promise(
    parts.every(({ compared, off, differences }) => off <= compared && differences.length <= off),
    'of what is compared some may be off',
  );

export const verifyTargets: Readonly<Record<string, Target>> = {
  fingerprints: jsonTarget(fullSize, readFingerprints),
  'full-size': jsonTarget(fullSize, (text) =>
    inFolder({ 'x.json': text }, (folder) => openFullSize(`${folder}/x.json`)),
  ),
  report: jsonTarget(() => [writeReport(reportOf(soundRun))], readMeasurements),
  tolerances: jsonTarget(() => [JSON.stringify(TOLERANCES)], readTable),
  progress: bytesTarget(() => [progressFile()], readProgress, mutateSafetensors),
  golden: bytesTarget(() => [goldenFile()], readGolden, mutateSafetensors),
  'golden-pictures': jsonTarget(
    () => [JSON.stringify([{ file: 'one.png', width: 1, height: 1, size: 56 }])],
    readPictures,
  ),
  'golden-texts': jsonTarget(() => [first('tokenizer/encode.json', 3)], readPrompts('encode.json')),
  'golden-chats': jsonTarget(() => [first('tokenizer/chatml.json', 2)], readPrompts('chatml.json')),
};
