/**
 * A device on which GPU.js keeps its results, seen from beside GPU.js. Such a device fails beside what it is asked for, and
 * goes on with zeros: it has to be asked whether what it returned can be trusted.
 */
export interface Resident {
  /** Bytes of the largest tensor it can hold, where that is one number. */
  readonly largest: number | undefined;
  /** @throws DeviceError for a matrix that it cannot hold */
  requireRoom(rows: number, columns: number): void;
  /** Cheap enough for every kernel. @throws DeviceError when it was lost, or reported an error */
  requireAlive(): void;
  /** The same once more, by all means, before a result is believed. @throws DeviceError */
  requireSound(): void;
  /** Resolves when everything that was launched has run, or failed: `requireSound` tells. */
  finish(): Promise<void>;
  close(): Promise<void>;
}
