import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { answer } from '../../src/generate/answer.ts';
import { openSystem } from '../../src/generate/open-system.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import * as placed from '../../src/model/placed-images.ts';
import { freeModel, loadModel, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { compareGolden, MODES } from '../../src/verify/compare.ts';
import { judgeRun } from '../../src/verify/report/report.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { tensor } from '../../tensor/tensor.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

// What puts pictures into the sequence, where faults can be planted for answers and for verification alike.
vi.mock('../../src/model/placed-images.ts', { spy: true });
const { imageRows, joinImages } = await vi.importActual<typeof placed>('../../src/model/placed-images.ts');

let device: Device;
let opened: OpenedCase;
let model: Model;
beforeAll(async () => {
  device = (await openDevice('simd', 1)).device;
  opened = await openCase(CASES[0]); // model-a: two pictures
  model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
});
afterAll(async () => {
  freeModel(model);
  await closeDevice(device);
  await opened.close();
});
afterEach(() => vi.resetAllMocks());

/** What `qvl verify` says of the model with the planted fault. */
async function verify() {
  const measured: Record<string, unknown> = {};
  for (const mode of MODES) measured[mode] = await compareGolden(model, opened.golden, { mode });
  const golden = { name: 'model-a', kind: 'random' as const, provenance: {} };
  const run = { golden, device: { name: 'simd', description: '' }, outcome: 'measured' as const, seconds: 0 };
  return judgeRun({ ...run, ...measured });
}

async function answerTwoPictures(): Promise<string> {
  const system = await openSystem('golden/tiny', device);
  const pictures = await Promise.all(['1', '2'].map((i) => readPicture(`golden/tiny/pictures/scene-${i}.png`)));
  const content = [{ image: '' }, { image: '' }, { text: 'Which picture is darker?' }];
  let text = '';
  for await (const piece of answer(system, { content, pictures }, { temperature: 0, maxNewTokens: 24 }))
    text += piece.text;
  await system.close();
  return text;
}

test('verification and answers are wired by the same functions, which are sound', async () => {
  expect(await verify()).toMatchObject({ status: 'pass' });
  for (const wired of [placed.imageRows, placed.joinImages]) expect(wired).toHaveBeenCalled();
  vi.clearAllMocks();
  await answerTwoPictures();
  for (const wired of [placed.imageRows, placed.joinImages]) expect(wired).toHaveBeenCalled();
});

test('rows of the second picture one position late are found', async () => {
  vi.mocked(placed.imageRows).mockImplementation((prompts, config) => {
    const rows = imageRows(prompts, config);
    const second = rows.indexOf(config.visual.n_queries);
    return rows.map((row, i) => (i === second ? -1 : i > second ? rows[i - 1] : row));
  });
  const { entry, modes } = await verify();
  expect(entry).toMatchObject({ name: 'transformer.h.0.ln_1', operations: ['splice', 'rmsNorm'] });
  expect(modes.filter(({ failed }) => failed > 0).map(({ mode }) => mode)).toEqual(['free', 'forced', 'fused']);
});

test('features of the second picture one row low, where they are put together, are found', async () => {
  vi.mocked(placed.joinImages).mockImplementation((features) => {
    const joined = joinImages(features);
    const Q = features[0].shape[0];
    const rows = Int32Array.from({ length: joined.shape[0] }, (_, row) => (row > Q ? row - 1 : row));
    return gatherRows(joined, tensor(joined.device, rows, [rows.length]));
  });
  const { entry, modes } = await verify();
  expect(entry?.name).toBe('transformer.h.0.ln_1');
  expect(modes.map(({ failed }) => failed > 0)).toEqual([false, false, true]);
});
