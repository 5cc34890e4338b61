import { expect, test } from 'vitest';
import { linear } from '../../kernels/linear.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { scope } from '../../tensor/scope.ts';
import { read, tensor } from '../../tensor/tensor.ts';

test('knows shapes, operations, bytes and the peak, and asks for no data', async () => {
  const { device } = await openDevice('null');
  const priced = { operations: 0, bytes: 0 };
  device.onLaunch = ({ operations, bytes }) => {
    priced.operations += operations;
    priced.bytes += bytes;
  };
  const never = () => expect.fail('the data was asked for');
  const shape = scope(() => {
    const x = tensor(device, never, [3, 20]);
    const weight = tensor(device, never, [7, 20], { label: 'weight' });
    const hidden = scope(() => linear(linear(x, weight), tensor(device, never, [1_000_000, 7])));
    expect(device.memory).toEqual({ bytes: 4 * (60 + 140 + 3e6), peakBytes: 4 * (60 + 140 + 21 + 7e6 + 3e6) });
    return hidden.shape;
  });
  expect(shape).toEqual([3, 1_000_000]);
  expect(priced.operations).toBe(2 * 3 * 20 * 7 + 2 * 3 * 7 * 1e6);
  expect(priced.bytes).toBe(4 * (60 + 140 + 21) + 4 * (21 + 7e6 + 3e6));
  await device.queue.idle();
  expect(device.live.size).toBe(0);
  expect(device.memory.bytes).toBe(0);
});

test('cannot be read', async () => {
  const { device } = await openDevice('null');
  const x = tensor(device, () => expect.fail('the data was asked for'), [2]);
  await expect(read(x)).rejects.toThrow(DeviceError);
  await closeDevice(device);
});
