import { elementCount } from '../../tensor/dtype.ts';
import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openFolder } from './file-source.ts';
import { configIn, openCheckpointIn } from './model-folder.ts';

export type { Checkpoint } from './checkpoint.ts';

/** Opens a model folder on disk, see `openCheckpointIn`. @throws CheckpointError */
export const openCheckpoint = async (path: string): Promise<Checkpoint> => openCheckpointIn(await openFolder(path));

/** The configuration of a model folder alone. @throws CheckpointError */
export const openConfig = async (path: string): Promise<Config> => configIn(await openFolder(path));

/** How many bytes the largest weight of a model folder takes in float32. @throws CheckpointError */
export async function largestWeight(folder: string): Promise<number> {
  const shapes = weightShapes(await openConfig(folder)).values();
  return 4 * Math.max(...[...shapes].map(elementCount));
}
