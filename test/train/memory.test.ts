import { expect, test } from 'vitest';
import { sum } from '../../kernels/add.ts';
import { weightShapes } from '../../src/architecture/weight-shapes.ts';
import { loadModel } from '../../src/model/qwen-vl.ts';
import { STAGES } from '../../src/train/groups.ts';
import { batchLoss } from '../../src/train/loss.ts';
import { practiceBatch } from '../../src/train/practice-batch.ts';
import { createDevice, finished } from '../../tensor/device.ts';
import { elementCount } from '../../tensor/dtype.ts';
import { differentiate } from '../../tensor/gradient.ts';
import { nullDriver } from '../../tensor/null.ts';
import { free } from '../../tensor/tensor.ts';
import { readConfig } from './curve.ts';

const SIZE = { conversations: 4, tokens: 60 };

/** Bytes that a pass takes beside the weights at the most, with so many blocks in the decoder. */
async function peak(blocks: number, recompute: boolean): Promise<number> {
  const config = { ...(await readConfig()), num_hidden_layers: blocks };
  const device = createDevice(nullDriver);
  const model = loadModel(device, config, async () => new Float32Array());
  await finished(device);
  const weights = device.memory.bytes;
  const options = { trains: STAGES['stage-2'], take: () => undefined, sum, recompute };
  free(differentiate(() => batchLoss(model, practiceBatch(config, SIZE)), options));
  await finished(device);
  return device.memory.peakBytes - weights;
}

test('a block more takes what stands between blocks, where blocks run again; all its activations, where they are kept', async () => {
  const config = await readConfig();
  const more = async (recompute: boolean) => ((await peak(6, recompute)) - (await peak(2, recompute))) / 4;
  const between = 4 * SIZE.conversations * SIZE.tokens * config.hidden_size;
  expect(await more(true)).toBeLessThanOrEqual(between);
  // Seven tensors of the hidden size and three of the MLP's are the least that the way back of a block reads.
  expect(await more(false)).toBeGreaterThan(7 * between);
  // Two decoder blocks and all else: at the most one block's way back is alive, with the gradients of its weights.
  const block = [...weightShapes(config)].filter(([name]) => name.startsWith('transformer.h.0.'));
  const gradients = 4 * block.reduce((total, [, shape]) => total + elementCount(shape), 0);
  expect(await peak(6, true)).toBeLessThan(gradients + 40 * between);
});
