import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Config, parseConfig } from '../../src/architecture/config.ts';
import { proceduralCheckpoint, proceduralInput } from '../../src/checkpoint/procedural.ts';
import { CheckpointError } from '../../src/error.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { capture } from '../../src/verify/capture.ts';
import {
  type Fingerprint,
  fingerprintTap,
  parseFingerprints,
  statistics,
} from '../../src/verify/full-size/fingerprint.ts';
import { type Progress, runSteps } from '../../src/verify/full-size/full-size.ts';
import { openFullSize } from '../../src/verify/full-size/full-size-case.ts';
import { loadProgress, saveProgress } from '../../src/verify/full-size/saved-progress.ts';
import { passSteps } from '../../src/verify/full-size/steps.ts';
import { nmse } from '../../src/verify/metrics.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { read } from '../../tensor/tensor.ts';

const everything = () => true;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A fingerprint whose samples are spread evenly. */
function fingerprintOf(data: Float32Array, shape: readonly number[], samples = 16): Fingerprint {
  const count = Math.min(samples, data.length);
  const index = Array.from({ length: count }, (_, j) => Math.floor((j * data.length) / count));
  return { shape, ...statistics(data), index, value: index.map((at) => data[at]) };
}

describe('a fingerprint', () => {
  const floats = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 200 });

  test('never claims a larger distance than there is', () =>
    fc.assert(
      fc.asyncProperty(floats, fc.float({ min: -1, max: 1, noNaN: true }), fc.nat(), async (values, change, at) => {
        const theirs = Float32Array.from(values);
        fc.pre(theirs.some((value) => value !== 0));
        const ours = theirs.slice();
        ours[at % ours.length] += change;
        const whole: Fingerprint = { ...fingerprintOf(theirs, [theirs.length]), index: [], value: [] };
        const kept = { ...whole, index: [0], value: [theirs[0]] };
        const own = await fingerprintTap('x', { ...kept, value: [ours[0]] }).measure(ours); // no sample is off
        expect(own.nmse).toBeLessThanOrEqual(nmse(ours, theirs) * (1 + 1e-9) + 1e-28);
      }),
    ));

  test('shows an error that no sample meets', async () => {
    const theirs = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
    const ours = theirs.slice();
    ours[501] += 5;
    const { nmse: found } = await fingerprintTap('x', fingerprintOf(theirs, [10, 100])).measure(ours);
    expect(found).toBeGreaterThan(1e-5);
    await expect(fingerprintTap('x', fingerprintOf(theirs, [10, 100])).measure(ours.subarray(1))).rejects.toThrow(
      '"x" is [10,100], ours has 999 elements',
    );
  });

  test('is refused when it is not sound', () => {
    const sound = fingerprintOf(Float32Array.of(1, 2, 3, 4), [2, 2]);
    expect(parseFingerprints({ x: sound, _input: 'else' }, 'f.json').get('x')).toEqual(sound);
    const unsound: unknown[] = [
      null,
      [],
      { x: 1 },
      { x: { ...sound, shape: [] } },
      { x: { ...sound, shape: [-1, 2] } },
      { x: { ...sound, index: [4], value: [1] } },
      { x: { ...sound, index: [0], value: [] } },
      { x: { ...sound, index: [], value: [] } },
      { x: { ...sound, l2: 0 } },
      { x: { ...sound, mean: 'one' } },
      { x: { ...sound, top: [[9, 1]] } },
    ];
    for (const taps of unsound) expect(() => parseFingerprints(taps, 'f.json')).toThrow(CheckpointError);
  });
});

describe('a pass step by step', () => {
  let device: Device;
  let config: Config;
  beforeAll(async () => {
    device = (await openDevice('cpu')).device;
    config = parseConfig(JSON.parse(await readFile('golden/quirks/model-a.config.json', 'utf8')), 'model-a');
  });
  afterAll(() => closeDevice(device));

  const prompt = () => {
    const { image_start_id, n_queries } = config.visual;
    return Int32Array.of(7, image_start_id, ...Array(n_queries).fill(0), image_start_id + 1, 5, 6);
  };

  /** The activations of a pass in one go, as fingerprints that hold every element. */
  async function wholePass(): Promise<Map<string, Fingerprint>> {
    const model = loadModel(device, config, proceduralCheckpoint(config));
    const size = config.visual.image_size;
    const pixels = proceduralInput('input.pixels', 3 * size * size);
    const taken = new Map<string, Promise<Fingerprint>>();
    const inputs = { ids: prompt(), pixels, images: 1, size, tokens: new Int32Array(0) };
    capture(model, inputs, {
      take(name, activation) {
        const made = read(activation).then((data) =>
          fingerprintOf(data as Float32Array, activation.shape, data.length),
        );
        taken.set(name, made);
      },
    });
    const taps = await Promise.all([...taken].map(async ([name, made]) => [name, await made] as const));
    freeModel(model);
    const logits = new Map(taps).get('logits')!;
    const last = Float32Array.from(logits.value.slice(-config.vocab_size));
    const skipped = /^(cache|transformer\.(wte|drop|rotary_emb)$|lm_head|logits|transformer\.visual\.transformer$)/;
    return new Map([
      ...taps.filter(([name]) => !skipped.test(name)),
      ['lm_head.last', fingerprintOf(last, [last.length])],
    ]);
  }

  test('has the activations of the pass in one go, wherever it was interrupted', async () => {
    const fingerprints = await wholePass();
    expect(fingerprints.size).toBeGreaterThan(50);
    const model = loadModel(device, config, proceduralCheckpoint(config), { resident: 'none' });
    const stepsOf = (of: typeof model) => passSteps(of, prompt());
    const shares: number[] = [];
    const path = join(folder, 'progress');
    const what = { golden: 'abc', device: 'cpu' };
    const stop = async (progress: Progress) => {
      await saveProgress(path, what, progress);
      if (progress.done === 4) throw new Error('interrupted');
    };
    const options = { fingerprints, wanted: everything };
    await expect(runSteps(model, stepsOf, { ...options, onProgress: stop })).rejects.toThrow('interrupted');
    const from = await loadProgress(path, what);
    expect(from?.done).toBe(4);
    const taps = await runSteps(model, stepsOf, { ...options, from, onStep: (_, share) => void shares.push(share) });

    expect(taps.map(({ name }) => name).sort()).toEqual([...fingerprints.keys()].sort());
    // Between steps activations are float32; whole, the pass keeps float64.
    for (const { metrics } of taps) expect(metrics.nmse).toBeLessThan(1e-12);
    expect(shares).toHaveLength(stepsOf(model).length - 4);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    freeModel(model);
    await device.queue.idle();
    expect(device.live.size).toBe(0);
  });

  test('leaves out what no wanted activation needs', async () => {
    const fingerprints = await wholePass();
    const model = loadModel(device, config, proceduralCheckpoint(config), { resident: 'none' });
    const ran: string[] = [];
    const taps = await runSteps(model, (of) => passSteps(of, prompt()), {
      fingerprints,
      wanted: (name) => name.startsWith('transformer.visual.transformer.resblocks.0'),
      onStep: ({ name }) => void ran.push(name),
    });
    expect(ran).toEqual(['patch embedding', 'vision block 0']);
    expect(taps.length).toBeGreaterThan(5);
    freeModel(model);
  });

  test('takes up no progress but its own', async () => {
    const path = join(folder, 'other');
    await saveProgress(
      path,
      { golden: 'abc', device: 'cpu' },
      { done: 1, x: Float32Array.of(1), shape: [1, 1], taps: [] },
    );
    await expect(loadProgress(path, { golden: 'abd', device: 'cpu' })).rejects.toThrow(
      'the progress of another golden',
    );
    await writeFile(path, 'no safetensors');
    await expect(loadProgress(path, { golden: 'abc', device: 'cpu' })).rejects.toThrow(CheckpointError);
    expect(await loadProgress(join(folder, 'none'), { golden: 'abc', device: 'cpu' })).toBe(undefined);
  });
});

test('the published model begins as the original at full size', async () => {
  const { device } = await openDevice('webasm', 2);
  const full = await openFullSize('golden/full-size/full.json');
  const resume = join(folder, 'state');
  const taps = await full.measure(device, { wanted: (name) => /conv1$|ln_pre$/.test(name), resume });
  expect(taps.map(({ name }) => name)).toEqual(['transformer.visual.conv1', 'transformer.visual.ln_pre']);
  for (const { nmse: found } of taps) expect(found).toBeLessThan(5e-13);
  await expect(stat(resume)).rejects.toThrow('ENOENT'); // nothing is left of a pass that ended
  expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
  await closeDevice(device);
});
