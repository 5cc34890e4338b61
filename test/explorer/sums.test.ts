import { sample } from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolder } from '../../src/checkpoint/file-source.ts';
import { type Inputs, total } from '../../src/explorer/engine/cell/sum.ts';
import { unfoldOf } from '../../src/explorer/engine/cell/unfold.ts';
import { cell } from '../../src/explorer/engine/cell.ts';
import { type Engine, openEngine } from '../../src/explorer/engine/engine.ts';
import { record, recordingOf } from '../../src/explorer/engine/recording.ts';
import type { Context } from '../../src/explorer/engine/service.ts';
import { inReadingOrder } from '../../src/explorer/engine/station.ts';
import { values } from '../../src/explorer/engine/values.ts';
import { capture } from '../../src/verify/capture.ts';
import { findGoldens } from '../../src/verify/open.ts';
import { closeDevice, createDevice, type HostData, type Launch } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import { elements, read, tensor } from '../../tensor/tensor.ts';
import { type Example, type Given, sizesOf } from '../kernels/case.ts';
import { cases } from '../kernels/cases.ts';

/** What a walk cannot meet: what is fused where somebody listens, what training and profiles need, and what chooses a token. */
const OTHERS =
  /Gradient$|^(attention|attentionKeys|argmax|crossEntropy|foldRows|sum|sumRows|placeColumns|addColumns|\w+Roof(Abreast)?)$|^(firstMoment|secondMoment|adamStep|sumOfSquares|clipFactor)$/;
const walked = cases.filter(({ op }) => !OTHERS.test(op));

describe('the sum that makes an element', () => {
  test.each(walked)('$op: equals its equation', async (example) => {
    for (const sizes of sample(sizesOf(example), { numRuns: 12, seed: 3 })) {
      const { inputs, run, shape, element } = example.example(sizes);
      const { launch, given } = await launched(inputs, run);
      for (let i = 0; i < 6; i++) {
        const [row, column] = [(i * 7919) % shape[0], (i * 104_729) % shape[1]];
        const { terms } = await unfoldOf(example.op)!(given, launch.sizes, row, column);
        const { value, scale } = element(row, column);
        expect(
          Math.abs(total(terms) - value),
          `${example.op} ${JSON.stringify(sizes)} at ${row}, ${column}`,
        ).toBeLessThanOrEqual(1e-12 * scale);
      }
    }
  });
});

describe('the cells of a pass', () => {
  let engine: Engine;
  const heard = new Map<string, Promise<HostData>>();
  beforeAll(async () => {
    engine = await openEngine({ device: 'simd', threads: 1, folder: await openFolder('golden/picture-book') });
    const [found] = await findGoldens('golden/picture-book/activations/describe', undefined);
    const { golden, close } = await found.open();
    await close();
    const { system } = engine;
    engine.last = { inputs: golden.inputs };
    capture(
      system.model,
      { ...golden.inputs, tokens: new Int32Array(0) },
      {
        take: (name, activation) => void heard.set(name, read(activation)),
      },
    );
  });
  afterAll(() => engine.close());
  /** What these services need of it. */
  const context = () => ({ engine: () => engine, signal: new AbortController().signal }) as Context<never>;

  test('every activation is a station, with the numbers of the pass', async () => {
    const { stations } = await recordingOf(engine);
    expect([...heard.keys()].filter((name) => !stations.has(name))).toEqual([]);
    for (const [name, data] of heard) {
      const { shape } = stations.get(name)!;
      const [rows, columns] = shape;
      const column = Math.max(0, columns - 512); // no window is wider
      const shown = await values({ station: name, row: 0, column, rows, columns }, context());
      const wanted = (await data).filter((_, i) => i % columns >= column);
      expect(Buffer.compare(Buffer.from(shown.data.buffer), Buffer.from(wanted.buffer)), name).toBe(0);
      expect(shown.statistics!.elements).toBe(elements(shape));
    }
  });

  test('the tables that were made with the model are stations, too', async () => {
    const recording = await recordingOf(engine);
    const [table, sum] = ['transformer.visual:resizeGrid.0', recording.stations.get('transformer.visual:add')!];
    expect(sum.made!.inputs.map(({ from }) => from)).toEqual([table, 'transformer.visual.conv1']);
    const [shown] = await recording.values(table);
    const { patches } = engine.system.model.positions;
    expect(await shown.row(63)).toEqual((await read(patches)).slice(63 * 192));
    const order = inReadingOrder([...new Set(recording.stations.values())]).map(({ name }) => name);
    expect(order[0]).toBe('pixels');
    expect(order.indexOf(table)).toBe(order.indexOf(sum.name) - 1);
    expect(new Set(order).size).toBe(new Set(recording.stations.values()).size);
  });

  test('every cell is the sum that is shown of it', async () => {
    const { stations } = await recordingOf(engine);
    const seen = new Map<string, number>();
    let at = 1;
    for (const { name, shape, made } of new Set(stations.values())) {
      if (!made) continue;
      const columns = shape.at(-1)!;
      for (let i = 0; i < 4; i++) {
        at = (at * 48_271) % 0x7fffffff;
        const [row, column] = [at % (elements(shape) / columns), (at >> 8) % columns];
        const { value, sum } = await cell({ station: name, row, column }, context());
        const { terms, scale } = sum!;
        expect(Math.abs(value - terms.value), `${name} at ${row}, ${column}`).toBeLessThanOrEqual(ROUNDING * scale);
        seen.set(made.operation, (seen.get(made.operation) ?? 0) + 1);
      }
    }
    // All but the factors of log-n, which a prompt of this length has none of.
    expect([...seen.keys(), 'scaleRows'].sort()).toEqual(walked.map(({ op }) => op).sort());
  });

  test('what is too large to be kept is read again, and of a weight no more than is wanted', async () => {
    const frugal = await record(engine.system.model, engine.last!, { atOnce: 0, kept: 1, weight: 1 });
    const generous = await recordingOf(engine);
    const block = 'transformer.h.1';
    const names = [`${block}:append.1`, `${block}.attn.c_proj`, 'image span', `${block}.attn.c_proj.weight`];
    const [few, all] = [await frugal.values(...names), await generous.values(...names)];
    for (const [i, name] of names.entries()) {
      expect(few[i].shape, name).toEqual(all[i].shape);
      expect([...(await few[i].row(1))], name).toEqual([...(await all[i].row(1))]);
      expect([...(await few[i].column(1))], name).toEqual([...(await all[i].column(1))]);
    }
    expect([few[3].statistics, all[3].statistics?.elements]).toEqual([undefined, 65_536]);
  });

  test('a weight is looked into, and what is none of both is refused', async () => {
    const { model } = engine.system;
    const name = 'transformer.h.0.ln_1.weight';
    const weight = (await read(model.weights[name])) as Float32Array;
    const shown = await values({ station: name, row: -3, column: 5.5, rows: 9, columns: Number.NaN }, context());
    expect([shown.row, shown.column, shown.rows, shown.columns]).toEqual([0, 5, 1, 0]);
    const one = await cell({ station: name, row: 0, column: 7 }, context());
    expect(one).toEqual({ value: weight[7], words: 'row 0, column 7' });
    await expect(cell({ station: name, row: 1, column: 0 }, context())).rejects.toThrow(/has no cell 1, 0/);
    await expect(cell({ station: 'toString', row: 0, column: 0 }, context())).rejects.toThrow(/is no station/);
  });
});

/** Twice what was measured on simd, webasm and cpu, in units of float32's rounding. */
const ROUNDING = 8 * 2 ** -24;

/** What a public function launches, and what it is given, by the names of its signature. */
async function launched(inputs: Example['inputs'], run: Example['run']): Promise<{ launch: Launch; given: Inputs }> {
  const device = createDevice(nullDriver);
  const given: Record<string, Inputs[string]> = {};
  let heard: Launch | undefined;
  device.onLaunch = (launch, _, from) => {
    heard = launch;
    for (const [i, input] of from.entries()) {
      if (input) given[launch.signature.inputs[i].name] = onHost(inputs[input.label]);
    }
  };
  const tensors = Object.entries(inputs).map(([name, { data, shape }]) => [
    name,
    tensor(device, data, shape, { label: name }),
  ]);
  run(Object.fromEntries(tensors), device);
  await closeDevice(device);
  return { launch: heard!, given };
}

const onHost = ({ shape, data, at }: Given): Inputs[string] => {
  const columns = shape.at(-1)!;
  return {
    row: async (index) => Float32Array.from({ length: columns }, (_, column) => at(index, column)),
    column: async (index) => Float32Array.from({ length: data.length / columns }, (_, row) => at(row, index)),
  };
};
