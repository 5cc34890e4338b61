import { elements } from '../../tensor/tensor.ts';
import { type Config, patchGrid } from '../architecture/config.ts';

/** What an axis of an activation counts. */
export type Axis =
  | 'batch'
  | 'image'
  | 'row'
  | 'column'
  | 'patch'
  | 'query'
  | 'token'
  | 'key'
  | 'head'
  | 'channel'
  | 'entry';

/** The axes of a tap: as PyTorch's module has them, and in our order of elements, rows without batch axes. */
export interface Layout {
  readonly axes: readonly Axis[];
  readonly ours: readonly Axis[];
}

const same = (...axes: Axis[]): Layout => ({ axes, ours: axes });

/** The layout of every tap; the first pattern that fits counts. Only where PyTorch has an order of its own are there two. */
const LAYOUTS: readonly (readonly [RegExp, Layout])[] = [
  // A convolution's output has the channels first; ours are rows, one a patch.
  [
    /^transformer\.visual\.conv1$/,
    { axes: ['image', 'channel', 'row', 'column'], ours: ['image', 'row', 'column', 'channel'] },
  ],
  [/^transformer\.visual\.ln_pre$/, same('image', 'patch', 'channel')],
  [/^transformer\.visual\.transformer\..*attn\.(scores|probs)$/, same('head', 'image', 'patch', 'key')],
  // Quirk: within the encoder the original has the batch second.
  [
    /^transformer\.visual\.transformer(\.|$)/,
    { axes: ['patch', 'image', 'channel'], ours: ['image', 'patch', 'channel'] },
  ],
  [/^transformer\.visual\.attn_pool\.(kv_proj|ln_kv)$/, same('image', 'patch', 'channel')],
  [/^transformer\.visual\.attn_pool\.ln_q$/, same('query', 'channel')],
  [/^transformer\.visual\.attn_pool\.attn\.(scores|probs)$/, same('head', 'image', 'query', 'key')],
  // So it has in the attention of the adapter.
  [
    /^transformer\.visual\.attn_pool\.attn$/,
    { axes: ['query', 'image', 'channel'], ours: ['image', 'query', 'channel'] },
  ],
  [/^transformer\.visual(\.|$)/, same('image', 'query', 'channel')],
  [/^transformer\.rotary_emb$/, same('batch', 'token', 'head', 'channel')],
  [/^transformer\.h\.\d+\.attn\.(scores|attn_dropout)$/, same('batch', 'head', 'token', 'key')],
  [/^transformer\./, same('batch', 'token', 'channel')],
  [/^(lm_head(\.last)?|logits|decode\.\d+\.logits)$/, same('batch', 'token', 'entry')],
  [/^cache\.\d+\.(key|value)$/, same('batch', 'token', 'head', 'channel')],
];

/** The layout of a tap, undefined for a name that is not of this model. */
export const layoutOf = (name: string): Layout | undefined => LAYOUTS.find(([pattern]) => pattern.test(name))?.[1];

/**
 * The shape that PyTorch's module of this name has, from ours, `[rows, columns]`; ours where the name says nothing.
 *
 * @param counts the images and tokens of the pass
 */
export function shapeOf(
  name: string,
  ours: readonly number[],
  { visual, kv_channels }: Config,
  counts: { readonly images: number; readonly tokens: number },
): readonly number[] {
  const layout = layoutOf(name);
  if (!layout) return ours;
  const grid = patchGrid(visual);
  const columns = ours.at(-1)!;
  const sizes: Record<Exclude<Axis, 'head'>, number> = {
    batch: 1,
    image: counts.images,
    row: grid,
    column: grid,
    patch: grid * grid,
    query: visual.n_queries,
    token: counts.tokens,
    key: columns,
    channel: name.startsWith('cache.') ? kv_channels : columns,
    entry: columns,
  };
  const others = layout.axes.reduce((product, axis) => product * (axis === 'head' ? 1 : sizes[axis]), 1);
  const heads = elements(ours) / others; // 1 where there is no such axis
  const fits = layout.axes.includes('head') ? Number.isInteger(heads) : heads === 1;
  return fits ? layout.axes.map((axis) => (axis === 'head' ? heads : sizes[axis])) : ours;
}

/**
 * Puts one of our activations in the order of the golden tensor of the same name.
 *
 * @param shape the golden's
 */
export const inGoldenOrder = (name: string, data: Float32Array, shape: readonly number[]): Float32Array =>
  reorder(name, data, shape, 'ours', 'axes');

/** The way back: a golden tensor in our order. */
export const inOurOrder = (name: string, data: Float32Array, shape: readonly number[]): Float32Array =>
  reorder(name, data, shape, 'axes', 'ours');

/**
 * Where an element of ours stands in the golden tensor of the same name, without a copy of either.
 *
 * @param shape the golden's
 */
export function placeInGolden(name: string, shape: readonly number[]): (at: number) => number {
  const layout = layoutOf(name);
  if (!layout || layout.axes === layout.ours || layout.axes.length !== shape.length) return (at) => at;
  const strides = layout.axes.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const innermostFirst = layout.ours.map((axis) => layout.axes.indexOf(axis)).reverse();
  return (at) => {
    let place = 0;
    let rest = at;
    for (const axis of innermostFirst) {
      place += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return place;
  };
}

function reorder(
  name: string,
  data: Float32Array,
  shape: readonly number[],
  from: keyof Layout,
  to: keyof Layout,
): Float32Array {
  const layout = layoutOf(name);
  if (!layout || layout.axes === layout.ours || layout.axes.length !== shape.length) return data;
  const size = (axis: Axis) => shape[layout.axes.indexOf(axis)];
  let step = 1;
  const strides = new Map<Axis, number>();
  for (const axis of [...layout[from]].reverse()) {
    strides.set(axis, step);
    step *= size(axis);
  }
  const out = new Float32Array(data.length);
  let at = 0;
  const walk = (depth: number, offset: number): void => {
    const axis = layout[to][depth];
    if (axis === undefined) {
      out[at++] = data[offset];
      return;
    }
    for (let i = 0; i < size(axis); i++) walk(depth + 1, offset + i * strides.get(axis)!);
  };
  walk(0, 0);
  return out;
}
