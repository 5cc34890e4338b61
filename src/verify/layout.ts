/**
 * Puts one of our activations in the order of the golden tensor of the same name. Ours have rows image by image and token
 * by token; PyTorch's modules keep batch axes, some of them not first.
 *
 * @param data ours, `[rows, columns]`
 * @param shape the golden's
 */
export function inGoldenOrder(name: string, data: Float32Array, shape: readonly number[]): Float32Array {
  if (name === 'transformer.visual.conv1') {
    const [images, channels, rows, columns] = shape; // a convolution's output: ours has the channels last
    return reorder(data, [images, rows * columns, channels], [0, 2, 1]);
  }
  const batchSecond = name.startsWith('transformer.visual.transformer') || name === 'transformer.visual.attn_pool.attn'; // [L, batch, …]
  if (batchSecond) {
    const [length, images, width] = shape;
    return reorder(data, [images, length, width], [1, 0, 2]);
  }
  return data;
}

/** A transposed copy: axis i of the result is axis `axes[i]` of the data. */
function reorder(data: Float32Array, [A, B, C]: number[], axes: readonly [number, number, number]): Float32Array {
  const strides = [B * C, C, 1];
  const [a, b, c] = axes.map((axis) => [A, B, C][axis]);
  const [strideA, strideB, strideC] = axes.map((axis) => strides[axis]);
  const out = new Float32Array(data.length);
  let at = 0;
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) out[at++] = data[i * strideA + j * strideB + k * strideC];
    }
  }
  return out;
}
