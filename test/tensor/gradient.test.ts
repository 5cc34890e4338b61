import { expect, test } from 'vitest';
import { sum } from '../../kernels/add.ts';
import { columns } from '../../kernels/columns.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice } from '../../tensor/device.ts';
import { differentiate } from '../../tensor/gradient.ts';
import { scope } from '../../tensor/scope.ts';
import { block } from '../../tensor/tap.ts';
import { read, tensor } from '../../tensor/tensor.ts';

const N = 3;

/** On the way back x has the gradient of s first, which is that of z too, then that of a, then that of b. */
function work(x: Parameters<typeof columns>[0], z: typeof x): typeof x {
  const [b, a] = [2, 1].map((start) => columns(x, { start, width: 2 }));
  const s = sum(x, z);
  return sum(columns(s, { start: 0, width: 2 }), sum(a, b));
}

test.each([
  ['cpu', false],
  ['simd', false],
  ['simd', true],
] as const)('on %s a gradient is added in place where nobody else needs what was there, and nowhere where all are heard (%s)', async (name, heard) => {
  const { device } = await openDevice(name, 2);
  const ops: string[] = [];
  device.onLaunch = ({ op }) => void ops.push(op);
  const found = new Map<string, ReturnType<typeof read>>();
  scope<void>(() => {
    const inputs = Object.fromEntries(
      ['x', 'z'].map((label) => [label, tensor(device, new Float32Array(4 * N), [N, 4], { label })]),
    );
    differentiate(() => block('', inputs, ({ x, z }) => work(x, z)), {
      trains: () => true,
      take: (label, gradient) => void found.set(label, read(gradient)),
      sum,
      hear: heard ? () => undefined : undefined,
    });
  });
  const rows = (row: number[]) => Array.from({ length: N }, () => row).flat();
  expect([...(await found.get('x')!)]).toEqual(rows([1, 2, 2, 1]));
  expect([...(await found.get('z')!)]).toEqual(rows([1, 1, 0, 0]));
  expect(ops.filter((op) => op === 'addColumns')).toHaveLength(heard ? 0 : 1);
  await device.queue.idle();
  expect(device.live.size).toBe(0);
  await closeDevice(device);
});
