import { read } from '../../tensor/tensor.ts';
import { writeSafetensors } from '../checkpoint/safetensors.ts';
import type { HostTensor } from '../checkpoint/stored-tensor.ts';
import type { Model } from '../model/qwen-vl.ts';
import { capture } from './capture.ts';
import { requireFitting } from './compare.ts';
import type { GoldenInputs } from './golden.ts';
import { inGoldenOrder, shapeOf } from './layout.ts';

/** The metadata that lists a trace's taps in the order of the computation: safetensors has an order of its own. */
export const ORDER = 'order';

/**
 * Records a pass as safetensors: its inputs and activations under the names and in the layouts of the goldens, float32. A
 * trace can be compared with any other, and be a golden itself.
 *
 * @param name of the trace, for errors
 * @param wanted which taps to record
 * @param metadata what else its header shall say
 * @throws CheckpointError when the inputs do not fit the model
 */
export async function recordTrace(
  model: Model,
  { name, inputs }: { readonly name: string; readonly inputs: GoldenInputs },
  wanted: (tap: string) => boolean,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  requireFitting(model.config, { name, inputs });
  const { ids, tokens, pixels, images, size } = inputs;
  const tensors = new Map<string, HostTensor>([
    ['input.ids', { dtype: 'int32', shape: [1, ids.length], data: ids }],
    ['input.pixels', { dtype: 'float32', shape: [images, 3, size, size], data: pixels }],
    ['decode.tokens', { dtype: 'int32', shape: [tokens.length], data: tokens }],
  ]);
  const order: string[] = [];
  const reading: Promise<void>[] = [];
  capture(model, inputs, {
    take(tap, activation) {
      if (!wanted(tap)) return;
      order.push(tap);
      const counts = { images, tokens: tap.startsWith('decode.') ? 1 : ids.length };
      const shape = shapeOf(tap, activation.shape, model.config, counts);
      const record = read(activation).then((data) => {
        tensors.set(tap, { dtype: 'float32', shape, data: inGoldenOrder(tap, Float32Array.from(data), shape) });
      });
      record.catch(() => undefined); // the first failure is thrown below
      reading.push(record);
    },
  });
  await Promise.all(reading);
  return writeSafetensors(tensors, { ...metadata, dtype: 'float32', [ORDER]: JSON.stringify(order) });
}
