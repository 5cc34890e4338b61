import { closeDevice, createDevice, type Launch } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Config } from '../architecture/config.ts';
import { loadModel } from '../model/qwen-vl.ts';
import { capture } from './capture.ts';
import type { GoldenInputs } from './golden.ts';
import { watchingHistory } from './history.ts';
import { shapeOf } from './layout.ts';

/** What the declarations say of an activation, without a weight or a number. */
export interface TapInfo {
  readonly name: string;
  /** As PyTorch's module has it. */
  readonly shape: readonly number[];
  /** Ours: rows of the last dimension, without batch axes. */
  readonly rows: readonly number[];
  /** What made it, an operation or a table from the host. */
  readonly madeBy: string;
  /** The operation's signature and cost; undefined for a table. */
  readonly operation?: { readonly signature: string; readonly operations: number; readonly bytes: number };
  /** The tap that was heard before it. */
  readonly after: string | undefined;
  /** The operations that made it out of the taps before, in their order. */
  readonly operations: readonly string[];
  /** Where in the sources it is named: a file with its line, as a stack trace has it. */
  readonly calledAt: string | undefined;
}

/**
 * Every tap of a configuration, in the order of the computation: runs the shapes of a pass on the null device.
 *
 * @param inputs the prompt, its pictures among it; what the numbers are does not matter
 */
export async function listTaps(config: Config, inputs: GoldenInputs): Promise<TapInfo[]> {
  const device = createDevice(nullDriver);
  const heard: { name: string; activation: Tensor; launch: Launch | undefined; since: string[]; stack: string }[] = [];
  const model = loadModel(device, config, () => Promise.reject(new Error('the null device loads no weights')));
  watchingHistory(model, (history) =>
    capture(model, inputs, {
      take(name, activation) {
        const since = history.since(activation).map(({ op }) => op);
        const { launch } = history.madeBy(activation) ?? {};
        heard.push({ name, activation, launch, since, stack: new Error().stack ?? '' });
      },
    }),
  );
  await device.queue.idle();
  await closeDevice(device);

  const counts = { images: inputs.images, tokens: inputs.ids.length };
  return heard.map(({ name, activation, launch, since, stack }, i) => ({
    name,
    shape: shapeOf(name, activation.shape, config, name.startsWith('decode.') ? { ...counts, tokens: 1 } : counts),
    rows: activation.shape,
    madeBy: activation.label,
    ...(launch && {
      operation: { signature: launch.signature.text, operations: launch.operations, bytes: launch.bytes },
    }),
    after: heard[i - 1]?.name,
    operations: since,
    calledAt: modelFrame(stack),
  }));
}

/** The first line of a stack trace that lies in the model; for what is no tap of its own, in the capture. */
export function modelFrame(stack: string): string | undefined {
  const frames = stack.match(/[^\s(]+\.ts:\d+(?=:\d+)/g) ?? [];
  return (
    frames.find((frame) => frame.includes('/src/model/')) ??
    frames.find((frame) => frame.includes('/verify/capture.ts'))
  );
}

/** A prompt of one picture, where there is room for it, and so many tokens in all; only the sizes mean something. */
export function plainInputs({ visual }: Config, length: number): GoldenInputs {
  const { image_size: size, n_queries, image_start_id } = visual;
  const images = length >= n_queries + 2 ? 1 : 0;
  const ids = new Int32Array(length).fill(image_start_id + 1);
  if (images > 0) ids[0] = image_start_id;
  return { ids, pixels: new Float32Array(images * 3 * size * size), images, size, tokens: new Int32Array(0) };
}
