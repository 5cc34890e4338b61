import { linear } from '../../kernels/linear.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Given } from '../../tensor/device.ts';
import { roundToBfloat16 } from '../../tensor/dtype.ts';
import { free, read, tensor } from '../../tensor/tensor.ts';
import { settled } from '../bench.ts';
import type { Prepared, Problem } from './rung.ts';

/** The product as the model runs it: `linear` on the device `simd`. */
export async function prepareLinear(
  { M, K, N, x, w, bias }: Problem,
  threads: number,
  weights: Given = roundToBfloat16(w),
): Promise<Prepared> {
  const { device } = await openDevice('simd', threads);
  const given = [
    tensor(device, x, [M, K], { label: 'x' }),
    tensor(device, () => weights, [N, K], { label: 'w' }),
    tensor(device, bias, [N], { label: 'bias' }),
  ] as const;
  let y = linear(...given);
  return {
    async run() {
      free(y);
      y = linear(...given);
      await settled(device);
    },
    result: () => read(y),
    close: () => closeDevice(device),
  };
}
