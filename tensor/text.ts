/** The first line of what an error says: libraries append sources and stacks. */
export const firstLine = (error: unknown): string =>
  String(typeof error === 'object' && error && 'message' in error ? error.message : error).split('\n')[0];

/** For people: `2.49 GB`, `268 MB`. */
export const bytesText = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toPrecision(3)} MB` : `${(bytes / 1e9).toPrecision(3)} GB`;
