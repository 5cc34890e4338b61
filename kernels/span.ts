import type { Tensor } from '../tensor/tensor.ts';

/**
 * Checks what a row sees, as far as the host knows it: at most `mostKeys` keys, of `keys` rows.
 *
 * @throws RangeError naming the operation and the row
 */
export function requireSeen(
  op: string,
  span: Tensor | undefined,
  mostKeys: number,
  keys = Number.POSITIVE_INFINITY,
): void {
  const { known } = span ?? {};
  for (let i = 0; known && i < known.length; i += 2) {
    const [first, count] = [known[i], known[i + 1]];
    if (count === 0 || (first >= 0 && count > 0 && count <= mostKeys && first + count <= keys)) continue;
    throw new RangeError(
      `${op}: row ${i / 2} sees ${count} keys from row ${first} on, expected at most ${mostKeys} of ${keys} rows`,
    );
  }
}

/**
 * What attention has to do under a span, for its cost.
 *
 * @param span `[N, 2]`: see `attentionScores`
 * @param most what is counted for spans whose numbers only the device has: every column, and every row of keys
 * @returns how many keys the query rows see, all rows together, and how many rows of keys anybody sees
 */
export function seenBy(
  { known }: Pick<Tensor, 'known'>,
  most: { pairs: number; keys: number },
): { pairs: number; keys: number } {
  if (!known) return most;
  const rows = Array.from({ length: known.length / 2 }, (_, i) => ({ first: known[2 * i], count: known[2 * i + 1] }));
  const pairs = rows.reduce((sum, { count }) => sum + count, 0);
  let [keys, end] = [0, 0]; // stretches may lie in each other, and share their ends
  for (const { first, count } of rows.sort((a, b) => a.first - b.first)) {
    keys += Math.max(0, first + count - Math.max(first, end));
    end = Math.max(end, first + count);
  }
  return { pairs, keys };
}
