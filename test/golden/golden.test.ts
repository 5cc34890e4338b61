import { afterAll, describe, expect, test } from 'vitest';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { type DeviceName, openDevice } from '../../src/open-device.ts';
import { compareGolden, type TapMeasurement } from '../../src/verify/compare.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { closeDevice } from '../../tensor/device.ts';
import { DEVICES, isSlow } from '../devices.ts';
import { CASES, openCase } from './cases.ts';

const table: string[] = [];

/** The tap whose distance from float64 is the largest multiple of PyTorch's own. */
function worstRatio(results: readonly TapMeasurement[]) {
  const twins = results.flatMap(({ name, exact }) => (exact ? [{ name, ratio: exact.ratio }] : []));
  return twins.reduce((a, b) => (b.ratio > a.ratio ? b : a));
}

/** A second trained checkpoint runs through the same code: on the slow devices one of them is enough. */
const casesOn = (mode: DeviceName) =>
  CASES.filter((each) => !isSlow(mode) || each.kind === 'random' || each.of !== 'tiny');

describe.each(DEVICES)('every golden activation on %s', (mode) => {
  test.each(casesOn(mode))('$name', async (wanted) => {
    const opened = await openCase(wanted);
    const { device } = await openDevice(mode, 2);
    try {
      const model = loadModel(device, opened.checkpoint.config, opened.checkpoint.load);
      const results = await compareGolden(model, opened.golden);
      const worst = worstRatio(results);
      let line = `${wanted.name.padEnd(14)}${device.description.padEnd(26)}${worst.ratio.toFixed(3)} × ${worst.name}`;

      expect(results).toHaveLength(wanted.taps);
      expect(judge(results, mode, wanted.kind)).toEqual([]);

      if (wanted.taps > 20) {
        // Where the golden has every module, forced blocks show what each of them adds by itself.
        const forced = await compareGolden(model, opened.golden, { mode: 'forced' });
        const added = forced.reduce((a, b) => (b.nmse > a.nmse ? b : a));
        line = `${line.padEnd(95)}adds ${added.nmse.toExponential(1)} in ${added.name}`;
        expect(forced).toHaveLength(results.filter(({ name }) => !name.startsWith('decode.')).length);
        expect(judge(forced, mode, wanted.kind, { mode: 'forced' })).toEqual([]);
      }
      // As it runs in an answer: pictures one by one, attention in one operation, which on GPU.js is the same three kernels.
      if (mode === 'simd' || wanted.name === 'model-a') {
        const fused = await compareGolden(model, opened.golden, { mode: 'fused' });
        expect(fused.map(({ name }) => name)).toEqual(
          results.map(({ name }) => name).filter((name) => !/attn_dropout$|^cache\./.test(name)),
        );
        expect(judge(fused, mode, wanted.kind, { mode: 'fused' })).toEqual([]);
      }
      table.push(line);

      freeModel(model);
      await device.queue.idle();
      expect([device.live.size, device.memory.bytes]).toEqual([0, 0]);
    } finally {
      await closeDevice(device);
      await opened.close();
    }
  });
});

afterAll(() =>
  console.log(
    `NMSE to float64 as a multiple of PyTorch float32's own, the worst tap; what a block adds, NMSE to PyTorch float32:\n${table.join('\n')}`,
  ),
);
