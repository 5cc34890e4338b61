import { signal } from '@preact/signals';
import { openModel, refused } from './model.ts';
import { addOwn } from './pictures/list.ts';

/** Whether something is held over the page. */
export const dragging = signal(false);

/**
 * Takes what is dropped or pasted anywhere in the page: pictures into the question, a folder as the model.
 *
 * @param onPictures told before pictures are added
 */
export function followDrops(onPictures: () => void): void {
  const take = (files: readonly File[]) => {
    if (files.length === 0) return;
    onPictures();
    void addOwn(files.map((file) => ({ name: file.name, source: file })));
  };
  const held = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragover', (event) => {
    if (!held(event)) return; // of the page's own, as the words of an answer
    event.preventDefault();
    dragging.value = true;
  });
  addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) dragging.value = false;
  });
  addEventListener('drop', (event) => {
    dragging.value = false;
    if (!held(event)) return;
    event.preventDefault();
    // Both are gone when this event is over.
    const files = [...event.dataTransfer!.files];
    const entries = [...event.dataTransfer!.items].map((item) => item.webkitGetAsEntry?.());
    const folder = entries.find((entry) => entry?.isDirectory) as FileSystemDirectoryEntry | undefined;
    if (folder) void openFolder(folder);
    else take(files);
  });
  addEventListener('paste', ({ clipboardData }) => take([...(clipboardData?.files ?? [])]));
}

async function openFolder(folder: FileSystemDirectoryEntry): Promise<void> {
  try {
    const { filesIn } = await import('./folder.ts');
    await openModel({ files: await filesIn(folder), name: folder.name });
  } catch (error) {
    refused.value = (error as Error).message;
  }
}
