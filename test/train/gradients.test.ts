import { afterAll, describe, expect, test } from 'vitest';
import { divide } from '../../kernels/scale.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { compareGradients } from '../../src/verify/gradients/compare-gradients.ts';
import { findGradientGoldens } from '../../src/verify/gradients/gradient-case.ts';
import { judge, TOLERANCES } from '../../src/verify/tolerances.ts';
import { closeDevice } from '../../tensor/device.ts';
import type { Listener } from '../../tensor/tap.ts';
import { DEVICES } from '../devices.ts';
import { withGolden } from './goldens.ts';

/** Every golden of gradients, with the number of its gradients, and of those of weights alone. */
const GOLDENS = [
  { name: 'grad-e', gradients: 95, weights: 48 },
  { name: 'grad-e-text', gradients: 60, weights: 48 },
  { name: 'grad-b', gradients: 72, weights: 59 },
  { name: 'grad-a', gradients: 95, weights: 80 },
] as const;

/** How many times PyTorch's own NMSE to float64 a gradient may have. */
const BOUNDS: Readonly<Record<string, number>> = { cpu: 0.1, simd: 1, webasm: 2, webgpu: 10, headlessgl: 10 };

const table: string[] = [];

describe.each(DEVICES)('every gradient on %s', (device) => {
  test.each(device === 'webasm' ? GOLDENS.slice(0, 2) : GOLDENS)('$name', async ({ name, gradients, weights }) => {
    await withGolden(name, { device }, async (model, { golden }) => {
      const free = await compareGradients(model, golden);
      expect(free).toHaveLength(1 + gradients);
      const [loss, ...others] = free;
      expect(loss.metrics.maxAbsolute).toBeLessThan(3e-6);
      for (const { name, exact } of others) {
        expect(exact!.ours, name).toBeLessThanOrEqual(BOUNDS[device] * exact!.pytorch);
      }
      const worst = others.reduce((a, b) => (b.exact!.ratio > a.exact!.ratio ? b : a));
      table.push(`${name.padEnd(13)}${device.padEnd(8)}${worst.exact!.ratio.toFixed(3)} × ${worst.name}`);
      expect(judge(free, device, 'gradient')).toEqual([]);

      // As in training, where nobody hears the gradients of activations: attention goes back in one operation, on GPU.js in the same three.
      if (device === 'cpu' && name !== 'grad-e') return;
      const fused = await compareGradients(model, golden, { mode: 'fused' });
      expect(fused).toHaveLength(1 + weights);
      expect(judge(fused, device, 'gradient', { mode: 'fused' })).toEqual([]);

      // Where the golden has every module, forced blocks show what each of them adds by itself.
      if (name !== 'grad-e') return;
      const forced = await compareGradients(model, golden, { mode: 'forced' });
      expect(forced).toHaveLength(1 + gradients);
      expect(forced.every(({ exact }) => exact === undefined)).toBe(true);
      expect(judge(forced, device, 'gradient', { mode: 'forced' })).toEqual([]);
    });
  });
});

test('a trained checkpoint: samples of every gradient, and an error of one in thirty thousand is seen', async () => {
  const [found] = await findGradientGoldens('golden/tiny');
  const { golden, checkpoint, close } = await found.open();
  const { device } = await openDevice('simd', 2);
  try {
    const model = loadModel(device, checkpoint.config, checkpoint.load);
    const free = await compareGradients(model, golden);
    expect(free).toHaveLength(1 + 199);
    expect(judge(free, 'simd', found.kind)).toEqual([]);
    const worst = free.reduce((a, b) => ((b.exact?.ratio ?? 0) > (a.exact?.ratio ?? 0) ? b : a));
    table.push(`${found.name.padEnd(13)}simd    ${worst.exact!.ratio.toFixed(3)} × ${worst.name}`);
    const gradients: Listener = (name, gradient) =>
      name === 'transformer.h.1.mlp' ? divide(gradient, 1 + 1 / 30_000) : undefined;
    const faulty = judge(await compareGradients(model, golden, { plant: { gradients } }), 'simd', found.kind);
    expect(faulty[0].name).toBe('transformer.h.1.mlp.grad');
    freeModel(model);
  } finally {
    await closeDevice(device);
    await close();
  }
});

test('the shipped table allows gradients no more than these bounds', () => {
  for (const [device, bound] of Object.entries(BOUNDS)) {
    expect(TOLERANCES.devices[device].gradient, device).toBeLessThanOrEqual(bound);
  }
});

afterAll(() => console.log(`NMSE to float64 as a multiple of PyTorch float32's own, the worst:\n${table.join('\n')}`));
