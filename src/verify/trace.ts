import { read } from '../../tensor/tensor.ts';
import { elementsOf, safetensorsHead } from '../checkpoint/safetensors.ts';
import type { HostTensor } from '../checkpoint/stored-tensor.ts';
import type { Model } from '../model/qwen-vl.ts';
import { capture } from './capture.ts';
import { requireFitting } from './compare.ts';
import { glob, requireFound } from './glob.ts';
import type { GoldenInputs } from './golden.ts';
import { inGoldenOrder, shapeOf } from './layout.ts';

/** The metadata that lists a trace's taps in the order of the computation: safetensors has an order of its own. */
export const ORDER = 'order';

/** A safetensors file that is written while the pass runs: it never has to be in memory as a whole. */
export interface Trace {
  /** Of the whole file. */
  readonly bytes: number;
  /** The file, once. What goes wrong in the pass is thrown here. */
  readonly parts: AsyncGenerator<Uint8Array>;
}

/**
 * Records a pass as safetensors: its inputs and activations under the names and in the layouts of the goldens, float32, in the
 * order of the computation. A trace can be compared with any other, and be a golden itself.
 *
 * @param name of the trace, for errors
 * @param patterns which taps to record, see `glob`; all by default
 * @param metadata what else its header shall say
 * @throws CheckpointError when the inputs do not fit the model, InputError when no tap is called so
 */
export function recordTrace(
  model: Model,
  { name, inputs }: { readonly name: string; readonly inputs: GoldenInputs },
  patterns: readonly string[] | undefined,
  metadata: Readonly<Record<string, string>>,
): Trace {
  requireFitting(model.config, { name, inputs });
  const wanted = patterns ? glob(patterns) : () => true;
  const { ids, tokens, pixels, images, size } = inputs;
  const tensors = new Map<string, Recorded>([
    ['input.ids', { dtype: 'int32', shape: [1, ids.length], data: () => ids }],
    ['input.pixels', { dtype: 'float32', shape: [images, 3, size, size], data: () => pixels }],
    ['decode.tokens', { dtype: 'int32', shape: [tokens.length], data: () => tokens }],
  ]);
  const order: string[] = [];
  capture(model, inputs, {
    take(tap, activation) {
      if (!wanted(tap)) return;
      order.push(tap);
      const counts = { images, tokens: tap.startsWith('decode.') ? 1 : ids.length };
      const shape = shapeOf(tap, activation.shape, model.config, counts);
      const reading = read(activation);
      reading.catch(() => undefined); // thrown with its part
      tensors.set(tap, {
        ...{ dtype: 'float32', shape },
        data: async () => inGoldenOrder(tap, Float32Array.from(await reading), shape),
      });
    },
  });
  requireFound(patterns, order, name);
  const { head, bytes } = safetensorsHead(tensors, { ...metadata, dtype: 'float32', [ORDER]: JSON.stringify(order) });
  return { bytes, parts: partsOf(head, tensors) };
}

/** A tensor of the file, which may still have to be computed. */
type Recorded = Pick<HostTensor, 'dtype' | 'shape'> & { data(): ArrayBufferView | Promise<ArrayBufferView> };

async function* partsOf(head: Uint8Array, tensors: Map<string, Recorded>): AsyncGenerator<Uint8Array> {
  yield head;
  for (const [name, { dtype, shape, data }] of tensors) {
    tensors.delete(name); // what is written need not stay in memory
    yield elementsOf(name, { dtype, shape, data: await data() });
  }
}
