import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../src/checkpoint/byte-source.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { readFloat32, readFloat64 } from '../../src/checkpoint/stored-tensor.ts';
import { createTokenizer } from '../../src/input/text/tokenizer.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { conversationSequence, type Message } from '../../src/train/mask.ts';
import { bfloat16Oracle } from '../../src/verify/bfloat16/bfloat16.ts';
import { compareGolden, MODES } from '../../src/verify/compare.ts';
import type { Fingerprint } from '../../src/verify/full-size/fingerprint.ts';
import { findGradientGoldens } from '../../src/verify/gradients/gradient-case.ts';
import { inOurOrder } from '../../src/verify/layout.ts';
import { findGoldens } from '../../src/verify/open.ts';
import { runGolden } from '../../src/verify/run.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { closeDevice, createDevice } from '../../tensor/device.ts';
import { gpuJs } from '../../tensor/gpu-js.ts';
import { fingerprintOf } from './fingerprint.ts';

const run = promisify(execFile);

/** The first of the machine's Pythons that can run these statements. */
const pythonThatRuns = (statements: string): string | undefined =>
  [process.env.PYTHON ?? 'python3', '/usr/bin/python3'].find(
    (command) => spawnSync(command, ['-c', statements], { timeout: 30_000 }).status === 0,
  );

const python = pythonThatRuns('import sys; assert sys.version_info >= (3, 8)');
const pytorch = python && pythonThatRuns('import torch');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

const readJson = async <Value>(name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Value;
const openFile = async (name: string) => openSafetensors(memorySource(await readFile(join(folder, name)), name));

/** Elements must be the same to the bit; sums, which are exactly rounded there, may differ by what float64 sums lose. */
function expectSame(found: Fingerprint, expected: Fingerprint): void {
  const { mean, std, l2, ...exact } = found;
  expect(exact).toEqual({
    shape: expected.shape,
    absmax: expected.absmax,
    index: expected.index,
    value: expected.value,
  });
  for (const [sum, reference] of [
    [mean, expected.mean],
    [std, expected.std],
    [l2, expected.l2],
  ] as const)
    expect(Math.abs(sum - reference)).toBeLessThanOrEqual(1e-13 * expected.l2);
}

if (!python) {
  const message = 'golden/export.py not tested: no Python 3.8 or newer; install python3 or set PYTHON to its path';
  if (process.env.CI) test('golden/export.py', () => expect.fail(message));
  else console.warn(message);
}

describe.skipIf(!python)('golden/export.py without PyTorch', () => {
  test('its own tests', async () => {
    const { stderr } = await run(python!, ['-m', 'unittest', 'test_batch', 'test_export', 'test_formats'], {
      cwd: 'test/export',
    });
    expect(stderr).toMatch(/Ran (29|3\d) tests/);
  });

  describe('what it writes is read here', () => {
    beforeAll(() => run(python!, ['test/export/write_sample.py', folder]));

    test('tensors and metadata', async () => {
      const { tensors, metadata } = await openFile('sample.safetensors');
      const expected = await readJson<Record<string, { dtype: string; shape: number[]; hex: string }>>('expected.json');
      const types: Record<string, string> = { float64: 'F64', float32: 'F32', int64: 'I64', bfloat16: 'BF16' };
      const found: typeof expected = {};
      for (const [name, { dtype, shape, read }] of tensors) {
        found[name] = { dtype: types[dtype ?? ''], shape: [...shape], hex: Buffer.from(await read()).toString('hex') };
      }
      expect(found).toEqual(expected);
      expect([...metadata]).toEqual([
        ['prompt', '框出\n"'],
        ['seed', '0'],
      ]);
    });

    test('conversations have the ids and labels that they have in training here', async () => {
      const { cases } = JSON.parse(await readFile('golden/train/sft-mask.json', 'utf8')) as {
        cases: readonly { readonly system: string; readonly conversations: readonly Message[] }[];
      };
      const bytes = Array.from({ length: 256 }, (_, byte) => `${Buffer.from([byte]).toString('base64')} ${byte}`);
      const tokenizer = createTokenizer(bytes.join('\n'), 'bytes', 16);
      const paths = /(?<=<img>).*?(?=<\/img>)/g;
      const expected = cases.map(({ system, conversations }) => {
        const said = conversations.map(({ from, value }) => ({ from, value: value.replace(paths, '') }));
        const { ids, labels } = conversationSequence(tokenizer, said, { system, longest: Number.POSITIVE_INFINITY });
        const asked = conversations.slice(conversations[0].from === 'user' ? 0 : 1);
        return { ids: [...ids], labels: [...labels], pictures: asked.flatMap(({ value }) => value.match(paths) ?? []) };
      });
      expect(await readJson('sequences.json')).toEqual(expected);
      expect(expected).toHaveLength(40);
    });

    test('fingerprints', async () => {
      const { tensors } = await openFile('sample.safetensors');
      const fingerprints =
        await readJson<Record<string, Fingerprint & { top: [number, number][] }>>('fingerprints.json');
      expect(Object.keys(fingerprints).length).toBeGreaterThan(10);
      for (const [name, { top, ...found }] of Object.entries(fingerprints)) {
        const values = [...(await readFloat64(tensors.get(name)!))];
        expectSame(found, fingerprintOf(name, tensors.get(name)!.shape, values));
        const highest = values
          .map((value, id): [number, number] => [id, value])
          .sort((a, b) => b[1] - a[1] || a[0] - b[0]);
        expect(top).toEqual(highest.slice(0, 20));
      }
    });
  });
});

if (python && !pytorch) {
  const message = 'golden/export.py tested without PyTorch only: no Python here has it; install python3-torch';
  if (process.env.CI) test('golden/export.py on PyTorch', () => expect.fail(message));
  else console.warn(message);
}

describe.skipIf(!pytorch)('golden/export.py on a stand-in for the original', () => {
  beforeAll(async () => {
    await run(pytorch!, ['test/export/write_goldens.py', folder]);
    await mkdir(join(folder, 'quirks'));
    for (const part of ['config.json', 'weights.safetensors'])
      await copyFile(`golden/quirks/model-e.${part}`, join(folder, 'quirks', `model-e.${part}`));
    for (const golden of ['model-a', 'text', 'summaries']) {
      for (const part of ['config.json', 'weights.safetensors'])
        await copyFile(`golden/quirks/model-a.${part}`, join(folder, `${golden}.${part}`));
    }
  });

  test('its own tests', async () => {
    const modules = ['test_record', 'test_gradients', 'test_command', 'test_compact'];
    const { stderr } = await run(pytorch!, ['-m', 'unittest', ...modules], { cwd: 'test/export' });
    expect(stderr).toMatch(/Ran (24|2[5-9]|3\d) tests/);
  });

  test.each([
    { name: 'model-a', taps: 86, twins: 20 },
    { name: 'text', taps: 46, twins: 12 },
    { name: 'summaries', taps: 85, twins: 84 },
  ])('$name: all it wrote is what this model computes', async ({ name, taps, twins }) => {
    const [golden] = await findGoldens(join(folder, name));
    const opened = await golden.open();
    const { device } = await openDevice('cpu', 1);
    try {
      const model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
      const results = await compareGolden(model, opened.golden);
      expect(results).toHaveLength(taps);
      // The float64 run keeps what stands between blocks, of fingerprints all but rotary's tables.
      expect(results.filter(({ exact }) => exact)).toHaveLength(twins);
      expect(judge(results, 'cpu', 'random')).toEqual([]);
      freeModel(model);
    } finally {
      await closeDevice(device);
      await opened.close();
    }
  });

  test('fingerprints are compared running free alone: no block can begin from one', async () => {
    const [golden] = await findGoldens(join(folder, 'summaries'));
    const { device } = await openDevice('cpu', 1);
    try {
      const wanted = (tap: string) => tap === 'transformer.h.0';
      const run = await runGolden(golden, device, { modes: MODES, wanted });
      expect([run.outcome, run.free?.length, run.forced]).toEqual(['measured', 1, undefined]);
      await expect(runGolden(golden, device, { modes: ['forced'], wanted })).rejects.toThrow('use --mode free');
    } finally {
      await closeDevice(device);
    }
  });

  test('a golden in bfloat16 is what the oracle that rounds alike computes', async () => {
    for (const part of ['config.json', 'weights.safetensors'])
      await copyFile(`golden/quirks/model-b.${part}`, join(folder, `model-b.${part}`));
    const [golden] = await findGoldens(join(folder, 'model-b'));
    const opened = await golden.open();
    const device = createDevice(bfloat16Oracle(await gpuJs('cpu', 1)));
    const model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
    for (const mode of MODES) {
      const results = await compareGolden(model, opened.golden, { mode });
      expect(judge(results, 'cpu-bfloat16', 'random', { mode })).toEqual([]);
      // The last block's branches are the same to the bit: 15 of 60 taps here, 3 without the roundings.
      expect(results.filter(({ nmse }) => nmse === 0).length).toBeGreaterThan(mode === 'forced' ? 12 : 1);
    }
    const wrong = loadModel(device, { ...opened.checkpoint.config, rotary_emb_base: 4000 }, opened.checkpoint.load);
    const faulty = await compareGolden(wrong, opened.golden, { mode: 'forced' });
    expect(judge(faulty, 'cpu-bfloat16', 'random', { mode: 'forced' })).not.toEqual([]);
    await closeDevice(device);
    await opened.close();
  });

  test.each([
    { name: 'whole', modes: ['free', 'forced'] as const, gradients: 95 },
    { name: 'samples', modes: ['free'] as const, gradients: 64 },
  ])('gradients, $name: all it wrote is what this model computes', async ({ name, modes, gradients }) => {
    const [golden] = await findGradientGoldens(join(folder, 'train', name));
    const { device } = await openDevice('cpu', 1);
    try {
      const { free, forced } = await runGolden(golden, device, { modes: ['free', 'forced'], wanted: () => true });
      expect([forced ? ['free', 'forced'] : ['free'], free!.length]).toEqual([modes, 1 + gradients]);
      expect(judge(free!, 'cpu', 'gradient')).toEqual([]);
      expect(judge(forced ?? [], 'cpu', 'gradient', { mode: 'forced' })).toEqual([]);
    } finally {
      await closeDevice(device);
    }
  });

  test('fingerprints are of the whole tensors, in our order', async () => {
    const { taps } = await readJson<{ taps: Record<string, Fingerprint> }>('summaries.fingerprints.json');
    const { tensors } = await openFile('model-a.activations.safetensors');
    let compared = 0;
    for (const [name, stored] of tensors) {
      // Of scores only the last row is kept; transformer.drop is the sequence with the pictures' rows in it.
      if (!taps[name] || name === 'transformer.drop') continue;
      const rows = inOurOrder(name, await readFloat32(stored), stored.shape);
      const { shape, mean, std, absmax, l2, index, value } = taps[name];
      expectSame({ shape, mean, std, absmax, l2, index, value }, fingerprintOf(name, shape, rows));
      compared++;
    }
    expect(compared).toBe(86 - 3);
    const inputs = await openFile('summaries.activations.safetensors');
    expect([...inputs.tensors.keys()]).toEqual(['input.ids', 'input.pixels', 'decode.tokens']);
  });
});
