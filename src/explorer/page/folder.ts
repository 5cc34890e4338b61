/** A model folder has a few dozen files: one with more than so many is something else, and is not read to its end. */
const MOST_FILES = 2000;

/** The files in a folder that was dropped; not those in folders in it. @throws Error when it cannot be read */
export async function filesIn(folder: FileSystemDirectoryEntry): Promise<readonly File[]> {
  const reader = folder.createReader();
  const next = () => new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  const files: FileSystemFileEntry[] = [];
  let seen = 0;
  // It comes in pieces, the last of which is empty.
  for (let entries = await next(); entries.length > 0; entries = await next()) {
    seen += entries.length;
    if (seen > MOST_FILES) throw tooMany(folder.name);
    files.push(...entries.filter((entry): entry is FileSystemFileEntry => entry.isFile));
  }
  return Promise.all(files.map((file) => new Promise<File>((resolve, reject) => file.file(resolve, reject))));
}

/** The files in a folder that was chosen, with which those of folders in it come. */
export function filesAtTop(files: readonly File[]): { readonly name: string; readonly files: readonly File[] } {
  const name = files[0]?.webkitRelativePath.split('/')[0] || 'the folder';
  if (files.length > MOST_FILES) throw tooMany(name);
  return { name, files: files.filter(({ webkitRelativePath: path }) => path.split('/').length <= 2) };
}

const tooMany = (name: string) =>
  new Error(`${name}: more than ${MOST_FILES} files, which no model has; give its own folder`);
