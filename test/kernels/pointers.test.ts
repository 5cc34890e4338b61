import { expect, test } from 'vitest';
import { append } from '../../kernels/append.ts';
import { attention } from '../../kernels/attention.ts';
import { attentionScores, attentionValues } from '../../kernels/attention-products.ts';
import { gatherRows } from '../../kernels/gather-rows.ts';
import { softmax } from '../../kernels/softmax.ts';
import { splice } from '../../kernels/splice.ts';
import { createDevice } from '../../tensor/device.ts';
import { nullDriver } from '../../tensor/null.ts';
import { scope } from '../../tensor/scope.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';

const device = createDevice(nullDriver);
const head = { heads: 2, mostKeys: 3, divisor: 1 };
const floats = (...shape: number[]) => tensor(device, new Float32Array(shape.reduce((a, b) => a * b)), shape);

/** Operations with a table of whole numbers: tables that fit, and some that do not, with what is said of them. */
const TABLES: readonly [
  name: string,
  run: (table: Tensor) => Tensor,
  columns: number,
  fits: readonly number[],
  rest: readonly (readonly [table: readonly number[], said: string])[],
][] = [
  [
    'gatherRows',
    (ids) => gatherRows(floats(5, 2), ids),
    0,
    [0, 4],
    [
      [[0, 5], 'gatherRows: id 5 of a table with 5 rows'],
      [[-1, 0], 'gatherRows: id -1 of a table with 5 rows'],
    ],
  ],
  [
    'splice',
    (source) => splice(floats(2, 2), floats(3, 2), source),
    0,
    [-1, 2],
    [[[0, 3], 'splice: row 3 of a tensor with 3']],
  ],
  [
    'append',
    (segments) => append(floats(4, 2), floats(3, 2), segments),
    3,
    [0, 0, 1, 1, 0, 3],
    [
      [[2, 0, 3], 'append: 3 rows from 0 on, of 3, to row 2 of a cache with 4'],
      [[0, 1, 3], 'append: 3 rows from 1 on, of 3'],
      [[-1, 0, 1], 'to row -1'],
      [[0, -1, 1], 'from -1 on'],
      [[0, 0, -1], 'append: -1 rows'],
    ],
  ],
  ...[
    ['softmax', (span: Tensor) => softmax(floats(2, 3), span)] as const,
    ['attentionScores', (span: Tensor) => attentionScores(floats(2, 4), floats(5, 4), span, head)] as const,
    ['attentionValues', (span: Tensor) => attentionValues(floats(2, 3), floats(5, 4), span)] as const,
    ['attention', (span: Tensor) => attention(floats(2, 4), floats(5, 4), floats(5, 4), span, head)] as const,
  ].map(([name, run]): (typeof TABLES)[number] => [
    name,
    run,
    2,
    [2, 3, 9, 0], // where nothing is seen begins nowhere
    [
      [[0, 1, 0, 4], `${name}: row 1 sees 4 keys from row 0 on, expected at most 3`],
      [[0, -1, 0, 1], `${name}: row 0 sees -1 keys`],
      [[-1, 1, 0, 1], `${name}: row 0 sees 1 keys from row -1 on`],
      ...(name === 'softmax' ? [] : [[[0, 1, 4, 2], 'row 1 sees 2 keys from row 4 on'] as const]),
    ],
  ]),
];

test.each(TABLES)('%s refuses numbers that point beyond its tensors', (_, run, columns, fits, rest) => {
  const table = (values: readonly number[]) =>
    tensor(device, Int32Array.from(values), columns ? [values.length / columns, columns] : [values.length]);
  scope(() => void run(table(fits)));
  for (const [values, said] of rest) {
    expect(() => scope(() => void run(table(values)))).toThrow(RangeError);
    expect(() => scope(() => void run(table(values)))).toThrow(said);
  }
  expect(device.live.size).toBe(0);
});
