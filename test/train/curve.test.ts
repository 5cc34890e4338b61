import { expect, test } from 'vitest';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice } from '../../tensor/device.ts';
import { bandOf, readConfig, readCurve, runCurve, startWeight } from './curve.ts';

test('the start is the golden’s', async () => {
  const [{ start }, config] = await Promise.all([readCurve(), readConfig()]);
  for (const [name, { l2, first }] of Object.entries(start)) {
    const values = startWeight(config, name);
    expect([...values.subarray(0, first.length)], name).toEqual(first);
    expect(Math.sqrt(values.reduce((sum, x) => sum + x * x, 0)) / l2, name).toBeCloseTo(1, 6);
  }
});

// All 200: npx tsx bench/curve.ts
test('the first steps of a training run stay within what PyTorch’s own runs scatter', async () => {
  const curve = await readCurve();
  const { device } = await openDevice('simd', 2);
  try {
    let steps = 0;
    await runCurve(device, 12, (step, loss, norm) => {
      const { loss_float32_to_float64_max, grad_norm_relative_max } = bandOf(curve, step);
      const { loss: losses, grad_norm: norms } = curve.float64;
      expect(Math.abs(loss - losses[step - 1]), `loss of step ${step}`).toBeLessThanOrEqual(
        loss_float32_to_float64_max,
      );
      expect(Math.abs(norm / norms[step - 1] - 1), `norm of step ${step}`).toBeLessThanOrEqual(grad_norm_relative_max);
      steps = step;
    });
    expect(steps).toBe(12);
    expect(device.live.size).toBe(0);
  } finally {
    await closeDevice(device);
  }
});
