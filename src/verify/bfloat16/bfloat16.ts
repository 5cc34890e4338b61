import type { Driver } from '../../../tensor/device.ts';
import { atTheEnd, nearestBfloat16, ROUNDING_RULES, type Rounded, type Stored } from './bfloat16-rules.ts';

/**
 * The original in bfloat16, as it is published: a driver whose every result is rounded where PyTorch rounds it, to the nearest,
 * ties to even. What lies in between is computed by the driver that is given: over GPU.js `cpu`, which does so in float64, this
 * is the oracle for goldens in bfloat16, from which it differs only where another order of sums turns a rounding. Weights and
 * inputs are rounded when they are uploaded, so float32 ones will do. Where operations round stands in `ROUNDING_RULES`.
 *
 * Fused kernels that the original may load on a GPU (flash attention, rotary, RMSNorm) round elsewhere.
 *
 * @param driver one that holds data; it is closed with the oracle
 * @returns a driver called like it with `-bfloat16` behind
 */
export function bfloat16Oracle(driver: Driver): Driver {
  /** Runs an operation whose result PyTorch computes in float32 and then rounds. */
  const compute: Rounded = async (op, inputs, sizes, shape) => {
    const computed = await driver.run(op, inputs, sizes, shape);
    if (op.signature.output.dtype === 'int32') return computed;
    try {
      const nearest = nearestBfloat16((await driver.read(computed, shape, 'float32')) as Float32Array);
      return await driver.upload(() => nearest, shape);
    } finally {
      driver.free(computed);
    }
  };

  return {
    name: `${driver.name}-bfloat16`,
    description: `${driver.description}, rounded to bfloat16 where the original rounds`,
    async upload(load, shape): Promise<Stored> {
      const values = await load();
      const exact = await driver.upload(() => values, shape);
      const nearest = values instanceof Float32Array ? nearestBfloat16(values) : values;
      const same = nearest.every((value, i) => value === values[i]);
      return { exact, rounded: same ? exact : await driver.upload(() => nearest, shape), madeBy: undefined };
    },
    async run(op, inputs, sizes, shape): Promise<Stored> {
      const rule = Object.hasOwn(ROUNDING_RULES, op.name) ? ROUNDING_RULES[op.name] : atTheEnd;
      const made = new Set<unknown>();
      try {
        const result = await rule(
          { op, inputs: inputs as readonly (Stored | undefined)[], sizes, shape },
          async (...step) => {
            const between = await compute(...step);
            made.add(between);
            return between;
          },
        );
        made.delete(result);
        return { rounded: result, exact: result, madeBy: op.name };
      } finally {
        for (const between of made) driver.free(between);
      }
    },
    read: (storage, shape, dtype) => driver.read((storage as Stored).exact, shape, dtype),
    free(storage) {
      const { rounded, exact } = storage as Stored;
      for (const owned of new Set([rounded, exact])) driver.free(owned);
    },
    close: () => driver.close(),
  };
}
