import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCache, decode, freeCache, freeModel, loadModel, logits, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device, type HostData } from '../../tensor/device.ts';
import { scope } from '../../tensor/scope.ts';
import { read } from '../../tensor/tensor.ts';
import { DEVICES } from '../devices.ts';
import { CASES, type OpenedCase, openCase } from '../golden/cases.ts';

describe.each(DEVICES)('several sequences at once, on %s', (mode) => {
  let device: Device;
  let opened: OpenedCase;
  let model: Model;
  beforeAll(async () => {
    opened = await openCase(CASES[0]); // model-a: NTK and log-n, of which each sequence has its own
    device = (await openDevice(mode, 2)).device;
    model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
  });
  afterAll(async () => {
    freeModel(model);
    expect(device.live.size).toBe(0);
    await closeDevice(device);
    await opened.close();
  });

  const sequence = (length: number, seed: number) => Int32Array.from({ length }, (_, i) => (i * 37 + seed) % 180);

  /** What is fed to each sequence, step by step: unlike prompts, then some that go on and some that are done. */
  const steps: Int32Array[][] = [
    [sequence(40, 5), sequence(3, 11), sequence(17, 60)],
    [sequence(1, 7), sequence(1, 8), sequence(0, 0)],
    [sequence(0, 0), sequence(2, 9), sequence(1, 3)],
    [sequence(1, 2), sequence(1, 2), sequence(1, 2)],
  ];

  async function scores(fed: readonly (readonly Int32Array[])[]): Promise<HostData[]> {
    const cache = createCache(model, ...fed[0].map((_, i) => 45 + i));
    const reads = fed.map((ids) =>
      scope<{ of: Promise<HostData> }>(() => ({ of: read(logits(model, decode(model, ids, cache))) })),
    );
    freeCache(cache);
    return Promise.all(reads.map(({ of }) => of));
  }

  test('every row has the scores that its sequence has alone, to the byte', async () => {
    const together = await scores(steps);
    const V = model.config.vocab_size;
    const row = new Array<number>(steps.length).fill(0);
    for (const i of steps[0].keys()) {
      const own = steps.flatMap((ids, step) => (ids[i].length > 0 ? [{ ids: [ids[i]], step }] : []));
      const alone = await scores(own.map(({ ids }) => ids));
      for (const [at, { ids, step }] of own.entries()) {
        const rows = together[step].subarray(row[step] * V, (row[step] + ids[0].length) * V);
        expect(rows).toEqual(alone[at]);
        row[step] += ids[0].length;
      }
    }
  });
});
