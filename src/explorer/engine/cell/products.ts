import { type Cell, cell, type Input, term, type Unfold } from './sum.ts';

const range = <Item>(count: number, item: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, i) => item(i));

/** `y[n, m] = Σₖ x[n, k] · weight[start + m, k] + bias[start + m]` */
export const linear: Unfold = async ({ x, weight, bias }, { K, start }, n, m) => {
  const [inputs, weights] = [await x.row(n), await weight.row(start + m)];
  const products = range(K, (k) => term([cell('x', n, k, inputs[k]), cell('weight', start + m, k, weights[k])]));
  return { terms: bias ? [...products, term([await vector(bias, 'bias', start + m)])] : products };
};

/** `y[n, m] = Σₖ x[n, k] · weight[start + k, m]` */
export const matmul: Unfold = async ({ x, weight }, { K, start }, n, m) => {
  const [inputs, weights] = [await x.row(n), await weight.column(m)];
  return {
    terms: range(K, (k) => term([cell('x', n, k, inputs[k]), cell('weight', start + k, m, weights[start + k])])),
  };
};

/** `score[h, i, j] = Σ q[i, h] · k[first(i) + j, h] / divisor`, 0 beyond the keys that row i sees. */
export const attentionScores: Unfold = async ({ q, k, span }, { N, d, divisor }, row, column) => {
  const [head, i] = [Math.floor(row / N), row % N];
  const [first, count] = await span.row(i);
  const seen = { name: 'keys that the row sees', value: count };
  if (column >= count) return { steps: [seen], terms: [] };
  const key = first + column;
  const [queries, keys] = [await q.row(i), await k.row(key)];
  return {
    steps: [seen, { name: 'divisor', value: divisor }],
    terms: range(d, (e) => {
      const c = head * d + e;
      return term([cell('q', i, c, queries[c]), cell('k', key, c, keys[c])], 1 / divisor);
    }),
  };
};

/** `y[i, h] = Σⱼ p[h, i, j] · v[first(i) + j, h]` */
export const attentionValues: Unfold = async ({ span, probabilities, v }, { N, d }, i, column) => {
  const [first, count] = await span.row(i);
  const row = Math.floor(column / d) * N + i;
  const [shares, values] = [await probabilities.row(row), await v.column(column)];
  return {
    steps: [{ name: 'keys that the row sees', value: count }],
    terms: range(count, (j) =>
      term([cell('probabilities', row, j, shares[j]), cell('v', first + j, column, values[first + j])]),
    ),
  };
};

/** An element of a tensor of one dimension. */
export async function vector(input: Input, name: string, index: number): Promise<Cell> {
  return cell(name, 0, index, (await input.row(0))[index]);
}
