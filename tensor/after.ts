/**
 * Goes on when work is done: at once where it is, for a promise takes as long as a small kernel.
 *
 * @param failed what it throws is thrown on, or rejects the promise
 */
export function after<Value, Result>(
  work: () => Value | Promise<Value>,
  done: (value: Value) => Result,
  failed: (error: unknown) => Result = rethrow,
): Result | Promise<Result> {
  let value: Value | Promise<Value>;
  try {
    value = work();
  } catch (error) {
    return failed(error);
  }
  return value instanceof Promise ? value.then(done, failed) : done(value);
}

function rethrow(error: unknown): never {
  throw error;
}
