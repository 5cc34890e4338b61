/** How far an activation is from a reference. */
export interface Distance {
  /** Σ(a − b)² / Σb²: the error's share of the reference's energy. */
  readonly nmse: number;
  readonly maxAbsolute: number;
}

/** @throws RangeError when the sizes differ */
export function distance(actual: ArrayLike<number>, reference: ArrayLike<number>): Distance {
  if (actual.length !== reference.length) {
    throw new RangeError(`${actual.length} elements against ${reference.length} of the reference`);
  }
  let error = 0;
  let energy = 0;
  let maxAbsolute = 0;
  for (let i = 0; i < reference.length; i++) {
    const difference = Math.abs(actual[i] - reference[i]);
    if (!Number.isFinite(difference)) return { nmse: Number.POSITIVE_INFINITY, maxAbsolute: Number.POSITIVE_INFINITY };
    error += difference * difference;
    energy += reference[i] * reference[i];
    maxAbsolute = Math.max(maxAbsolute, difference);
  }
  return { nmse: error === 0 ? 0 : error / energy, maxAbsolute };
}
