import type { Folder } from '../../checkpoint/files.ts';
import { type Golden, openGolden } from '../../verify/golden.ts';

/** A golden of a folder with its float64 twin. @param base how the names of its files begin @throws CheckpointError */
export const goldenIn = async (folder: Folder, name: string, base = name): Promise<Golden> =>
  openGolden(await folder.open(`${base}.safetensors`), await folder.open(`${base}.f64.safetensors`), { name });
