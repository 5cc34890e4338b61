import type { Seen } from '../../engine/see.ts';

/** The database of this page's pictures, and the one table in it. */
const [DATABASE, TABLE] = ['pictures', 'seen'];

/** Keeps a picture in this browser. @throws Error when there is no room, or this browser keeps nothing */
export async function keep(seen: Seen): Promise<void> {
  await inTable('readwrite', (table) => table.put(seen, seen.hash));
}

/** The picture with a hash; undefined when it is not here. */
export async function kept(hash: string): Promise<Seen | undefined> {
  // What is in there, this page has put there.
  return (await inTable('readonly', (table) => table.get(hash))) as Seen | undefined;
}

/** Forgets all of them. */
export async function forget(): Promise<void> {
  await inTable('readwrite', (table) => table.clear());
}

async function inTable<T>(mode: IDBTransactionMode, use: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(TABLE, mode);
      const request = use(transaction.objectStore(TABLE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(sentence(transaction.error));
    });
  } finally {
    database.close();
  }
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => void request.result.createObjectStore(TABLE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(sentence(request.error));
  });
}

const sentence = (error: DOMException | null): Error =>
  new Error(error?.name === 'QuotaExceededError' ? 'its storage is full' : (error?.message ?? 'its storage failed'));
