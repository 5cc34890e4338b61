import { readFile } from 'node:fs/promises';
import { type Config, parseConfig, patchGrid } from '../../src/architecture/config.ts';
import { freeModel, loadModel, type Model } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { initialWeights } from '../../src/train/initial.ts';
import type { TrainingData } from '../../src/train/lessons.ts';
import { factorShapes, initialFactor, isFactor, type Lora } from '../../src/train/lora.ts';
import { uniforms } from '../../src/train/noise.ts';
import { type Phase, RECIPES } from '../../src/train/recipes.ts';
import type { RunSettings } from '../../src/train/settings.ts';
import type { TrainingState } from '../../src/train/state.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';

/** The smallest configuration of the goldens: 120 tokens, pictures of 56 pixels, four rows each. */
export const tinyConfig = async (): Promise<Config> =>
  parseConfig(JSON.parse(await readFile('golden/quirks/model-e.config.json', 'utf8')), 'model-e');

/** Settings of some steps of each phase, two sequences a step. */
export const tinySettings = (steps: number, ...phases: Phase[]): RunSettings => ({
  seed: 5,
  phases: phases.map((phase) => ({
    phase,
    recipe: { ...RECIPES.small[phase], steps, batch: 2, warmup: 2, peak: 1e-3, minimum: 1e-4 },
  })),
});

/** Noise as data: two sequences a step of two tasks, one with a picture, patches that show one of three things, and slots of which the first is empty. */
export function tinyData({ visual, vocab_size }: Config): TrainingData & Required<Pick<TrainingData, 'patches'>> {
  const words = (key: string, count: number, most: number) =>
    Int32Array.from(uniforms(key, count), (value) => Math.floor(value * most));
  const pixels = (key: string, size: number) =>
    Float32Array.from(uniforms(key, 3 * size * size), (value) => 2 * value - 1);
  const { image_start_id: start, n_queries: Q } = visual;
  const shown = (key: string, size: number) => {
    const patches = patchGrid({ ...visual, image_size: size }) ** 2;
    return {
      ...{ pixels: pixels(key, size), images: 1 },
      things: words(`things ${key}`, patches, 3).map((thing, i) => (i === 0 ? 1 : thing)),
      boxes: Float32Array.from(uniforms(`boxes ${key}`, 4 * patches)),
    };
  };
  return {
    async batch(phase, step, _, size) {
      const text = words(`${phase} ${step}`, 12, vocab_size - 20);
      const rows = words(`${phase} ${step} rows`, Q, vocab_size - 20);
      const first = Int32Array.of(start, ...rows, start + 1, ...text.subarray(0, 6));
      const second = text.subarray(6);
      const sequences = [first, second].map((ids) => ({
        ids,
        labels: ids.map((id, i) => (i < ids.length - 6 ? -100 : id)),
      }));
      const tasks = ['caption', 'text'];
      if (phase === 'decoder') return { sequences, tasks, pixels: new Float32Array(), images: 0, rows: 'tokens' };
      return { sequences, tasks, pixels: pixels(`${phase} ${step}`, size), images: 1 };
    },
    patches: {
      things: 3,
      batch: async (step, _, size) => shown(`${step}`, size),
      async words(step, _, size) {
        const nothing = vocab_size - 1;
        const said = words(`slots ${step}`, Q, nothing).map((word, i) => (i === 0 ? nothing : word));
        return { ...shown(`slots ${step}`, size), words: said, nothing };
      },
    },
  };
}

const devices = new Map<number, Promise<Device>>();
const deviceWith = async (threads: number): Promise<Device> => (await openDevice('simd', threads)).device;

/** Closes what `withTinyModel` has opened. */
export async function closeTinyDevices(): Promise<void> {
  for (const device of devices.values()) await closeDevice(await device);
  devices.clear();
}

/** Runs `work` with the tiny model, random or of a state, with the factors of an adapter if there is one; nothing may be left on its device afterwards. */
export async function withTinyModel<Result>(
  {
    threads = 2,
    from,
    config: given,
    lora,
    weight,
  }: {
    threads?: number | undefined;
    from?: TrainingState | undefined;
    config?: Config;
    lora?: Lora | undefined;
    /** In place of the random ones. */
    weight?: (name: string) => Float32Array | undefined;
  },
  work: (model: Model, device: Device) => Promise<Result>,
): Promise<Result> {
  const config = given ?? (await tinyConfig());
  const opening = devices.get(threads) ?? deviceWith(threads);
  devices.set(threads, opening);
  const device = await opening;
  const initial = initialWeights(config, 3);
  const factors = lora && factorShapes(config, lora);
  const load = async (name: string): Promise<Float32Array> => {
    const stored = weight?.(name) ?? from?.tensors.get(`weight.${name}`)?.data;
    return stored ?? (isFactor(name) ? initialFactor(3, name, factors!.get(name)!) : initial(name));
  };
  const model = loadModel(device, config, load, { lora: factors });
  const result = await work(model, device).finally(async () => {
    freeModel(model);
    await device.queue.idle();
  });
  if (device.live.size > 0) throw new Error(`left: ${[...device.live].map(({ label }) => label).join(', ')}`);
  return result;
}
