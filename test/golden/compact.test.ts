import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer } from '../../src/generate/answer.ts';
import { modelOn } from '../../src/generate/model-on.ts';
import { openSystem } from '../../src/generate/open-system.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { freeModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { compareGolden } from '../../src/verify/compare.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { answersOf } from '../answers.ts';
import { DEVICES } from '../devices.ts';
import { COMPACT, folderOf, goldenNameOf, openCompact } from './compact.ts';

describe.each(DEVICES)('models in 4 bits and with LoRA adapters on %s', (mode) => {
  let device: Device;
  beforeAll(async () => {
    device = (await openDevice(mode, 2)).device;
  });
  afterAll(() => closeDevice(device));

  test.each(COMPACT)('activations of $name', async (wanted) => {
    const { golden, checkpoint, close } = await openCompact(wanted);
    try {
      const model = modelOn(device, checkpoint);
      // What a block alone adds needs the activations that it begins with: of an encoder as a whole that cannot be told.
      for (const how of mode === 'simd' ? (['free', 'forced', 'fused'] as const) : (['free'] as const)) {
        const results = await compareGolden(model, golden, { mode: how });
        expect(results).toHaveLength(how !== 'forced' ? wanted.taps : wanted.taps === 3 ? 1 : wanted.taps - 1);
        expect(judge(results, mode, 'trained', { mode: how })).toEqual([]);
      }
      freeModel(model);
      await device.queue.idle();
      expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
    } finally {
      await close();
    }
  });
});

test('the answers of all of them, token by token', async () => {
  const picture = await readPicture('golden/tiny/pictures/scene-1.png');
  const { device } = await openDevice('simd', 2);
  for (const wanted of COMPACT) {
    const answers = await answersOf(folderOf(wanted));
    const expected = answers.find(({ name }) => name === goldenNameOf(wanted))!;
    const system = await openSystem(wanted.of, device, { adapter: wanted.adapter });
    const content = [{ image: '' }, { text: 'What is in the picture?' }];
    const said: number[] = [];
    let text = '';
    for await (const piece of answer(system, { content, pictures: [picture] }, { temperature: 0 })) {
      if (piece.id !== undefined) said.push(piece.id);
      text += piece.text;
    }
    expect([wanted.name, said, text]).toEqual([wanted.name, expected.token_ids, expected.text]);
    await system.close();
  }
  await closeDevice(device);
});
