import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Files in a folder and in those below, by how their names end; in the order of their names. */
export async function filesBelow(folder: string, ending: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
