import { parseConfig } from '../architecture/config.ts';
import { type Checkpoint, checkpointFrom } from '../checkpoint/checkpoint.ts';
import { type FileSource, readWhole } from '../checkpoint/files.ts';
import { openSafetensors } from '../checkpoint/safetensors.ts';
import { parseJson } from '../fields.ts';

const LARGEST_CONFIG = 1 << 20;

/** A random model beside its golden: `X.config.json` and `X.weights.safetensors`, X the base. @throws CheckpointError */
export async function randomModel(base: string, open: (path: string) => Promise<FileSource>): Promise<Checkpoint> {
  const where = `${base}.config.json`;
  const config = parseConfig(parseJson(await readWhole(await open(where), LARGEST_CONFIG), where), where);
  const { tensors } = await openSafetensors(await open(`${base}.weights.safetensors`));
  return checkpointFrom({ path: base, config, tensors });
}
