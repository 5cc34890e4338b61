import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../../src/train/run.ts';
import { loadState, saveState, type TrainingState } from '../../src/train/state.ts';
import { requireFittingState } from '../../src/train/state-fit.ts';
import { closeTinyDevices, tinyConfig, tinyData, tinySettings, withTinyModel } from './tiny-run.ts';

let folder: string;
let path: string;
let bytes: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
  path = join(folder, 'damaged.safetensors');
  const data = tinyData(await tinyConfig());
  const save = (state: TrainingState) => saveState(path, state);
  await withTinyModel({}, (model) => train(model, tinySettings(1, 'stage-2'), data, { save }));
  bytes = await readFile(path);
});
afterAll(() => rm(folder, { recursive: true }));
afterAll(closeTinyDevices);

const reading = async (content: Buffer) => {
  await writeFile(path, content);
  return loadState(path);
};

test.each([0, 7, 100, -1])('a damaged state is refused, cut at %i', async (at) => {
  await expect(reading(bytes.subarray(0, at < 0 ? bytes.length + at : at))).rejects.toThrow(path);
});

test('a state is refused where a single bit was turned', async () => {
  for (const share of [0.3, 0.6, 0.9999]) {
    const turned = Buffer.from(bytes);
    turned[Math.floor(share * bytes.length)] ^= 1;
    await expect(reading(turned)).rejects.toThrow(path);
  }
});

test('a state is refused where it would have a step learn from more than fits', async () => {
  const { settings, ...state } = await reading(bytes);
  const phases = settings.phases.map(({ phase, recipe }) => ({ phase, recipe: { ...recipe, batch: 1e7 } }));
  await saveState(path, { ...state, settings: { ...settings, phases } });
  await expect(loadState(path)).rejects.toThrow(/recipe\.batch: 10000000, expected a whole number from 1 to 4096/);
});

test('a state of another model, or without its moments, does not fit', async () => {
  const config = await tinyConfig();
  const state = await reading(bytes);
  requireFittingState(state, config, path);
  const without = (name: string) => ({
    ...state,
    tensors: new Map([...state.tensors].filter(([key]) => key !== name)),
  });
  expect(() => requireFittingState(without('m.lm_head.weight'), config, path)).toThrow(
    '1 tensors are missing ("m.lm_head.weight")',
  );
  expect(() => requireFittingState(state, { ...config, vocab_size: 121 }, path)).toThrow(
    '[120, 128], expected [121, 128]',
  );
  expect(() => requireFittingState({ ...state, phase: 1 }, config, path)).toThrow('phase 2');
  const lora = { rank: 3, alpha: 6, targets: ['c_attn'], base: 'none' };
  const adapting = { ...state, settings: { ...state.settings, lora } };
  expect(() => requireFittingState(adapting, config, path)).toThrow('stage-2 trains no adapter');
});
