/**
 * The element that would stand at `rank` if the values were sorted. Afterwards none before it is larger and none behind it smaller: the
 * next, of a higher rank, need only look from here. Hoare's FIND (Communications of the ACM 4, 1961, Algorithm 65).
 *
 * @param values no NaN among them; reordered
 * @param from no element before it is larger than any from it on
 */
export function select(values: Float64Array, rank: number, from = 0): number {
  let [left, right] = [from, values.length - 1];
  // Values can be laid out, by whoever made a golden, so that every pivot is the smallest: then they are sorted after all.
  for (let rounds = 3 * Math.log2(values.length + 1); left < right; rounds--) {
    if (rounds < 0) {
      values.subarray(left, right + 1).sort();
      break;
    }
    const pivot = values[(left + right) >>> 1];
    let [i, j] = [left, right];
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const swapped = values[i];
      values[i++] = values[j];
      values[j--] = swapped;
    }
    if (rank <= j) right = j;
    else if (rank >= i) left = i;
    else break;
  }
  return values[rank];
}
