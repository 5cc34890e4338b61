import type { Config } from '../../architecture/config.ts';
import { weightShapes } from '../../architecture/weight-shapes.ts';
import type { ByteSource } from '../../checkpoint/byte-source.ts';
import { openSafetensors } from '../../checkpoint/safetensors.ts';
import { isShape, readFloat64, type StoredTensor } from '../../checkpoint/stored-tensor.ts';
import { CheckpointError } from '../../error.ts';
import { quote } from '../../quote.ts';
import type { Batch } from '../../train/batch.ts';
import type { GoldenTap } from '../golden.ts';
import { gradientTap } from './gradient-tap.ts';
import { activationShape, placesOf } from './original-places.ts';
import { needed, readBatch, requireSameBatch, type Tensors } from './padded-batch.ts';

/** What the original computed backwards of one batch, in training mode. */
export interface GradientGolden {
  readonly name: string;
  readonly batch: Batch;
  /** The loss in PyTorch's float64, and in its float32. */
  readonly loss: { readonly exact: number; readonly pytorch: number };
  /** The gradients of weights and of named activations, by the name of what they belong to. */
  readonly taps: ReadonlyMap<string, GoldenTap>;
}

/**
 * A gradient golden: `grad.X` is dLoss/dX, X a weight or an activation; where a tensor is too large to keep, `sample.X` holds some of its
 * elements (golden/train/README.md), and `shape.X` its shape.
 *
 * @param exact the same in float64: what gradients are judged by
 * @throws CheckpointError when it lacks its batch, or a tensor is no gradient of this model
 */
export async function openGradientGolden(
  activations: ByteSource,
  exact: ByteSource,
  config: Config,
): Promise<GradientGolden> {
  const { tensors } = await openSafetensors(activations);
  const { tensors: twins } = await openSafetensors(exact);
  const { name } = activations;
  const padded = await readBatch(tensors, name);
  await requireSameBatch(tensors, twins, exact.name);
  const shapes = weightShapes(config);
  const taps = new Map<string, GoldenTap>();
  for (const [key, stored] of tensors) {
    const [, kind, tap] = /^(grad|sample)\.(.*)$/.exec(key) ?? [];
    const twin = twins.get(`grad.${tap}`) ?? twins.get(`sample.${tap}`);
    if (!kind || !twin) continue;
    const weight = shapes.get(tap);
    const shape =
      weight ??
      (kind === 'grad'
        ? stored.shape
        : ((await statedShape(tensors, tap, name)) ?? activationShape(tap, padded, config)));
    if (weight && kind === 'grad') requireShape(key, stored, weight, name);
    taps.set(
      ourName(tap),
      gradientTap(tap, shape, weight ? undefined : placesOf(tap, shape, padded), { stored, twin }),
    );
  }
  const loss = async (file: Tensors) => (await readFloat64(needed(file, 'loss', name)))[0];
  return { name, batch: padded.batch, loss: { exact: await loss(twins), pytorch: await loss(tensors) }, taps };
}

/** The sequence with its pictures in place has a name of its own here, and scores are those of `lm_head`. */
const ourName = (tap: string): string =>
  tap === 'transformer.h.0:input' ? 'transformer.spliced' : tap === 'logits' ? 'lm_head' : tap;

function requireShape(key: string, { shape }: StoredTensor, weight: readonly number[], where: string): void {
  if (`${shape}` === `${weight}`) return;
  throw new CheckpointError(
    where,
    `${quote(key)} is [${shape}], expected [${weight}]`,
    'compare a golden of this model',
  );
}

const MOST_AXES = 8;

/** The shape of a tensor of which samples are kept, where the golden says it. */
async function statedShape(tensors: Tensors, tap: string, where: string): Promise<readonly number[] | undefined> {
  const stored = tensors.get(`shape.${tap}`);
  if (!stored) return undefined;
  const shape = stored.bytes <= 8 * MOST_AXES ? [...(await readFloat64(stored))] : undefined;
  if (isShape(shape)) return shape;
  throw new CheckpointError(where, `${quote(`shape.${tap}`)} is no shape`, 'export the golden again');
}
