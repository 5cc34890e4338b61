import { read, type Tensor, tensor } from '../../../../tensor/tensor.ts';

/**
 * An activation with other elements, computed on the host: so that a fault needs no kernel and gets into a model on any device. It is read when
 * the device's queue gets there, and goes back at once.
 */
export function changedOnHost(activation: Tensor, change: (values: Float32Array) => Float32Array): Tensor {
  const values = read(activation);
  const load = async () => change(Float32Array.from(await values));
  return tensor(activation.device, load, activation.shape, { label: `changed ${activation.label}` });
}

/** `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))` (Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2). */
export const tanhGelu = (values: Float32Array): Float32Array =>
  values.map((x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))));
