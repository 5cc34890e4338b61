import { useEffect, useState } from 'preact/hooks';

/** What came of a call: the result that is there now, and why there is none for what is wanted now. */
export interface Called<Result> {
  readonly result: Result | undefined;
  readonly error: string | undefined;
  /** The result is still that of what was wanted before. */
  readonly busy: boolean;
}

/**
 * Has something called whenever what is wanted changes; a call that is not wanted any more is given up.
 *
 * @param key says what is wanted; undefined: nothing
 */
export function useCalled<Result>(
  key: string | undefined,
  start: (signal: AbortSignal) => Promise<Result>,
): Called<Result> {
  const [came, setCame] = useState<{ key: string; result?: Result; error?: string }>();
  useEffect(() => {
    if (key === undefined) return;
    const control = new AbortController();
    start(control.signal).then(
      (result) => setCame({ key, result }),
      (error: Error) => {
        if (!control.signal.aborted) setCame({ key, error: error.message });
      },
    );
    return () => control.abort();
  }, [key]);
  return { result: came?.result, error: came?.error, busy: key !== undefined && came?.key !== key };
}
