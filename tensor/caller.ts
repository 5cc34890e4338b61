import type { Device } from './device.ts';
import type { Synchronous } from './scope.ts';

/** One of several who use a device at the same time: its work can be given up without that of the others. */
export interface Caller {
  /**
   * Launches operations and reads in this caller's name.
   *
   * @throws the signal's reason, once it is aborted
   */
  launch<Result>(work: () => Synchronous<Result>): Result;
  /** Waits for what is done in another's name. Rejects with the signal's reason as soon as it is aborted. */
  wait<Value>(promise: Promise<Value>): Promise<Value>;
  /** Ends it: the signal is not listened to any more. */
  leave(): void;
}

/** @param signal gives up what this caller has launched and has not started yet, and nothing else */
export function createCaller({ queue }: Device, signal?: AbortSignal): Caller {
  const caller: Caller = {
    launch(work) {
      signal?.throwIfAborted();
      return queue.owned(caller, work);
    },
    wait(promise) {
      if (!signal) return promise;
      return new Promise((resolve, reject) => {
        const stop = () => reject(signal.reason);
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop);
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
      });
    },
    leave: () => signal?.removeEventListener('abort', giveUp),
  };
  const giveUp = () => queue.cancel(signal?.reason, caller);
  signal?.addEventListener('abort', giveUp);
  return caller;
}
