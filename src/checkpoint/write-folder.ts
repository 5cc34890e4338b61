import { join } from 'node:path';
import { roundToBfloat16 } from '../../tensor/dtype.ts';
import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { writeWhole } from '../write-file.ts';
import { elementsOf, safetensorsHead } from './safetensors.ts';
import type { HostTensor } from './stored-tensor.ts';

/** What a model folder holds beside its weights: the text of each file, by its name. */
export type FolderTexts = ReadonlyMap<string, string>;

/** Writes the files of a model folder that are no weights, each whole. @throws InputError */
export async function writeTexts(folder: string, texts: FolderTexts, remedy: string): Promise<void> {
  for (const [name, text] of texts) await writeWhole(join(folder, name), text, { remedy });
}

/**
 * Writes the weights of a model folder as Hugging Face lays it out, in one file: `model.safetensors`. Weight by weight, so that beside
 * what is there no second copy is in memory.
 *
 * @param load a weight's elements, row-major
 * @throws InputError when it cannot be written: what was there before still is
 */
export async function writeWeights(
  folder: string,
  config: Config,
  dtype: 'float32' | 'bfloat16',
  load: (name: string) => Promise<Float32Array>,
  remedy: string,
): Promise<void> {
  const shapes = [...weightShapes(config)];
  // The metadata is how the original's loader knows whose tensors these are.
  const { head } = safetensorsHead(
    shapes.map(([name, shape]) => [name, { dtype, shape }]),
    { format: 'pt' },
  );
  async function* parts() {
    yield head;
    for (const [name, shape] of shapes) {
      const values = await load(name);
      const tensor: HostTensor = { dtype, shape, data: dtype === 'bfloat16' ? roundToBfloat16(values) : values };
      yield elementsOf(name, tensor);
    }
  }
  await writeWhole(join(folder, 'model.safetensors'), parts(), { remedy });
}
