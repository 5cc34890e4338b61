import { expect, test } from 'vitest';
import { openSystem } from '../../src/generate/open-system.ts';
import { createSight } from '../../src/generate/sight.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { openDevice } from '../../src/open-device.ts';
import { createCaller } from '../../tensor/caller.ts';
import { closeDevice, createDevice, finished } from '../../tensor/device.ts';
import { free } from '../../tensor/tensor.ts';

test('a stage ends when the device has done it, not when everything is launched', async () => {
  const log: string[] = [];
  const { driver } = (await openDevice('simd', 1)).device;
  const finish = async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    log.push('finished');
  };
  const device = createDevice({ ...driver, finish });
  const system = await openSystem('golden/tiny', device);
  await finished(device);
  expect(log.splice(0)).toEqual(['finished']);

  const picture = await readPicture('golden/tiny/pictures/scene-1.png');
  const sight = createSight(system.model);
  const features = await sight.look([picture], createCaller(device), (name) => log.push(name));
  expect(log).toEqual(['vision encoder', 'finished', 'adapter']);
  free(features);
  sight.free();
  await system.close();
  await closeDevice(device);
});
