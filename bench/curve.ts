import { openDevice } from '../src/open-device.ts';
import { closeDevice } from '../tensor/device.ts';
import { bandOf, readCurve, runCurve } from '../test/train/curve.ts';

/** Trains the 200 steps of golden/train/curve.json on `simd` and says how far they go from PyTorch's in float64: npx tsx bench/curve.ts */

const curve = await readCurve();
const { device } = await openDevice('simd');
const begin = performance.now();
const off = { loss: 0, norm: 0, shareOfLoss: 0, shareOfNorm: 0 };
await runCurve(device, curve.float64.loss.length, (step, loss, norm) => {
  const band = bandOf(curve, step);
  const ofLoss = Math.abs(loss - curve.float64.loss[step - 1]);
  const ofNorm = Math.abs(norm / curve.float64.grad_norm[step - 1] - 1);
  off.loss = Math.max(off.loss, ofLoss);
  off.norm = Math.max(off.norm, ofNorm);
  off.shareOfLoss = Math.max(off.shareOfLoss, ofLoss / band.loss_float32_to_float64_max);
  off.shareOfNorm = Math.max(off.shareOfNorm, ofNorm / band.grad_norm_relative_max);
  if (band.steps.endsWith(`-${step}`)) {
    const figures = [off.loss, off.norm].map((value) => value.toExponential(1)).join(', ');
    console.log(`steps ${band.steps.padEnd(6)} loss ${loss.toFixed(6)}; to float64 at most: loss, norm ${figures}`);
  }
});
const seconds = ((performance.now() - begin) / 1000).toFixed(1);
const share = (value: number) => `${(100 * value).toFixed(0)} %`;
console.log(
  `${seconds} s on ${device.description}; of the band at most ${share(off.shareOfLoss)} by loss, ${share(off.shareOfNorm)} by norm`,
);
await closeDevice(device);
process.exitCode = Math.max(off.shareOfLoss, off.shareOfNorm) > 1 ? 1 : 0;
