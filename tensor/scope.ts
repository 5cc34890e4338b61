import { scopes } from './owner.ts';
import { freeAll, type Tensor } from './tensor.ts';

/** A result that is not a promise: what was made while waiting would be owned by nobody. */
export type Synchronous<Result> = Result extends Promise<unknown> ? never : Result;

/**
 * Frees the tensors made inside, except those that the result holds (they pass to the scope around, if there is one) and
 * those that are kept. Only for synchronous functions: operations return at once, so nothing in here waits.
 */
export function scope<Result>(work: () => Synchronous<Result>): Result {
  const made = new Set<Tensor>();
  scopes.push(made);
  try {
    const result: Result = work();
    for (const survivor of tensorsIn(result)) {
      if (made.delete(survivor)) scopes.at(-2)?.add(survivor);
    }
    return result;
  } finally {
    scopes.pop();
    let left = [...made].filter((tensor) => tensor.internal.freedBy === undefined && !leftToTape(tensor));
    while (left.length > 0) {
      const [{ device }] = left;
      freeAll(
        device,
        left.filter((tensor) => tensor.device === device),
        'the end of its scope',
      );
      left = left.filter((tensor) => tensor.device !== device);
    }
  }
}

function leftToTape(tensor: Tensor): boolean {
  tensor.internal.heir?.add(tensor);
  return tensor.internal.heir !== undefined;
}

/** Takes a tensor out of every scope: it lives until it is freed by hand. Weights and caches are kept. */
export function keep<Held>(held: Held): Held {
  for (const survivor of tensorsIn(held)) for (const made of scopes) made.delete(survivor);
  return held;
}

/** Every tensor in a value: itself, or inside arrays and plain records. */
export function tensorsIn(value: unknown, found: Tensor[] = []): Tensor[] {
  if (typeof value !== 'object' || value === null) return found;
  if (isTensor(value)) found.push(value);
  else if (Array.isArray(value)) for (const part of value) tensorsIn(part, found);
  else if (isRecord(value)) for (const name in value) tensorsIn(value[name], found);
  return found;
}

export const isTensor = (value: object): value is Tensor => 'internal' in value && 'device' in value;

function isRecord(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
