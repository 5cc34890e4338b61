import { scaleRows } from '../../kernels/scale.ts';
import type { Config } from '../../src/architecture/config.ts';
import { logNFactors, ntkAlpha, type Rotary, type RotaryTable, rotaryTable } from '../../src/model/rotary-table.ts';
import type { GoldenInputs } from '../../src/verify/golden.ts';
import type { Driver } from '../../tensor/device.ts';
import type { Handle } from '../../tensor/op.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { Fault, Replacement } from './fault.ts';
import { factorBefore, fewerKeys, lastFactor, movedSegments, rotatedPairs, scaled } from './wrong-kernels.ts';

/** Rotary, dynamic NTK, log-n. */
export const POSITION_FAULTS: readonly Fault[] = [
  {
    name: 'rotary-pairs',
    says: 'Rotary turns neighbouring pairs, as in its paper, instead of the halves of a head.',
    how: {
      operations: () => ({
        rotary: (_, run, [cos, sin, x], { N, H, d }) => run(rotatedPairs, [N, H * d], x, cos, sin, d),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'rotary-backwards',
    says: 'Rotary turns the other way: the minus sign stands at the other half.',
    how: {
      operations: () => ({
        rotary: (op, run, [cos, sin, x], sizes) =>
          op.kernels(run, [cos, run(scaled, [sizes.N, sizes.d], sin, -1), x], sizes),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'ntk-off',
    says: 'Dynamic NTK is left out.',
    how: { config: (config) => ({ ...config, use_dynamic_ntk: false }) },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'ntk-one-step-early',
    says: 'α is one step too small: 2^⌈log₂(n / seq_length)⌉ − 1.',
    how: { config: (config, { ids }) => stretched(config, ids.length, ntkAlpha(ids.length / 2, config.seq_length)) },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'ntk-at-twice-the-length',
    says: 'α is computed from 2·n, the length for which the original keeps its table.',
    how: { config: (config, { ids }) => stretched(config, ids.length, ntkAlpha(ids.length * 2, config.seq_length)) },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'ntk-plain-power',
    says: 'The base is multiplied by α instead of α^(d/(d−2)).',
    how: {
      config: (config, { ids }) => {
        const alpha = ntkAlpha(ids.length, config.seq_length);
        return stretched(config, ids.length, alpha ** ((config.kv_channels - 2) / config.kv_channels));
      },
    },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'ntk-threshold',
    says: 'α grows only when the prompt has passed the next power of two: the logarithm is rounded down.',
    how: {
      config: (config, { ids }) =>
        stretched(config, ids.length, 2 ** Math.floor(Math.log2(ids.length / config.seq_length) + 1) - 1),
    },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'rotary-from-one',
    says: 'The rotary table is read from the row of position 1 on.',
    how: { driver: promptTables((T, rotary) => rotaryTable(1, T, rotary)) },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'rotary-in-float64',
    says: 'Rotary angles are computed in float64, without the roundings of the original.',
    how: { driver: promptTables(exactTable) },
    enters: 'transformer.rotary_emb',
  },
  {
    name: 'log-n-of-the-prompt',
    says: 'Every query is scaled by the log-n factor of the last position.',
    how: {
      operations: () => ({
        scaleRows: (op, run, [x, factor], sizes) =>
          op.kernels(run, [x, run(lastFactor, [1, sizes.N], factor, sizes.N)], sizes),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'log-n-off',
    says: 'Queries are not scaled by log-n.',
    how: { config: (config) => ({ ...config, use_logn_attn: false }) },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'log-n-on-keys',
    says: 'Log-n multiplies the keys too.',
    how: {
      activations:
        ({ device, config }) =>
        (name, keys) => {
          if (!name.endsWith('.attn.k_rotated')) return undefined;
          const T = keys.shape[0];
          return scaleRows(keys, tensor(device, logNFactors(0, T, config.seq_length), [T]));
        },
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
  {
    name: 'log-n-from-zero',
    says: 'Log-n counts positions from 0 instead of 1.',
    how: {
      operations: () => ({
        scaleRows: (op, run, [x, factor], sizes) =>
          op.kernels(run, [x, run(factorBefore, [1, sizes.N], factor)], sizes),
      }),
    },
    enters: 'transformer.h.0.attn.attn_dropout',
  },
];

/** Decoding with the cache. */
export const CACHE_FAULTS: readonly Fault[] = [
  {
    name: 'cache-off-by-one',
    says: 'Keys and values are written one row too low in the cache.',
    how: { operations: () => ({ append: (op, run, inputs, sizes) => appendMoved(1, op, run, inputs, sizes) }) },
    enters: 'cache.0.key',
  },
  {
    name: 'values-are-keys',
    says: 'The cache keeps the keys where the values belong.',
    how: {
      operations: () => {
        let [key, calls] = [undefined as Handle | undefined, 0];
        return {
          // Of each block first the keys are appended, then the values.
          append: (op, run, [cache, rows, segments], sizes) => {
            if (sizes.G === 1 && calls++ % 2 === 0) key = rows;
            return op.kernels(run, [cache, key ?? rows, segments], sizes);
          },
        };
      },
    },
    enters: 'cache.0.value',
  },
  {
    name: 'step-sees-one-fewer',
    says: 'A step does not see its own token.',
    how: {
      operations: () => ({
        attention: (op, run, [q, k, v, span], sizes) =>
          op.kernels(run, [q, k, v, sizes.N === 1 ? run(fewerKeys, [1, 2], span, 1, 1) : span], sizes),
      }),
    },
    enters: 'decode.0.logits',
  },
  {
    name: 'step-overwrites-last-row',
    says: 'A step writes its key and value over those of the token before it.',
    how: {
      operations: () => ({
        append: (op, run, inputs, sizes) => appendMoved(sizes.N === 1 ? -1 : 0, op, run, inputs, sizes),
      }),
    },
    enters: 'decode.0.logits',
  },
  {
    name: 'step-position-off-by-one',
    says: 'A step turns its query and key as if they stood one position earlier.',
    how: { driver: stepTables((position, alpha) => ({ position: position - 1, alpha })) },
    enters: 'decode.0.logits',
  },
  {
    name: 'alpha-recomputed',
    says: 'While decoding, α follows the growing length, instead of keeping what the prompt gave it.',
    how: {
      driver: stepTables((position, _, { seq_length }) => ({ position, alpha: ntkAlpha(position + 1, seq_length) })),
    },
    enters: 'decode.4.logits',
    golden: 'model-e',
  },
];

/** A config whose base gives the same table with its own α as the true base with another. */
function stretched(config: Config, length: number, alpha: number): Config {
  const { kv_channels: d, seq_length, rotary_emb_base: base } = config;
  return { ...config, rotary_emb_base: base * (alpha / ntkAlpha(length, seq_length)) ** (d / (d - 2)) };
}

const appendMoved = (by: number, ...[op, run, [cache, rows, segments], sizes]: Parameters<Replacement>) =>
  op.kernels(run, [cache, rows, run(movedSegments, [sizes.G, 3], segments, by)], sizes);

/** Uploads other rotary tables for decoding steps: those of one row, first the cosines, then the sines of each step. */
function stepTables(choose: (position: number, alpha: number, config: Config) => { position: number; alpha: number }) {
  return (driver: Driver, config: Config, { ids }: GoldenInputs): Driver => {
    const { kv_channels: d, rotary_emb_base: base, seq_length } = config;
    let uploads = 0;
    return {
      ...driver,
      upload(load, shape) {
        if (String(shape) !== String([1, d])) return driver.upload(load, shape);
        const part = uploads % 2 === 0 ? 'cos' : 'sin';
        const step = ids.length + Math.floor(uploads++ / 2);
        const { position, alpha } = choose(step, ntkAlpha(ids.length, seq_length), config);
        return driver.upload(() => rotaryTable(position, 1, { d, base, alpha })[part], shape);
      },
    };
  };
}

/** Uploads other rotary tables for the prompt: of as many rows as it has, first the cosines, then the sines. */
function promptTables(table: (length: number, rotary: Rotary) => RotaryTable) {
  return (driver: Driver, config: Config, { ids }: GoldenInputs): Driver => {
    const { kv_channels: d, rotary_emb_base: base, seq_length } = config;
    let uploads = 0;
    return {
      ...driver,
      upload(load, shape) {
        if (String(shape) !== String([ids.length, d])) return driver.upload(load, shape);
        const part = uploads++ % 2 === 0 ? 'cos' : 'sin';
        return driver.upload(
          () => table(ids.length, { d, base, alpha: ntkAlpha(ids.length, seq_length) })[part],
          shape,
        );
      },
    };
  };
}

function exactTable(length: number, { d, base, alpha }: Rotary): RotaryTable {
  const angle = (i: number) => Math.floor(i / d) / (base * alpha ** (d / (d - 2))) ** ((2 * ((i % d) % (d / 2))) / d);
  const of = (wave: (angle: number) => number) => Float32Array.from({ length: length * d }, (_, i) => wave(angle(i)));
  return { cos: of(Math.cos), sin: of(Math.sin) };
}
