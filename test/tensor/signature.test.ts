import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../../tensor/error.ts';
import { bind, parseSignature } from '../../tensor/signature.ts';

const shaped = (...shape: number[]) => ({ shape, dtype: 'float32' });
const integers = (...shape: number[]) => ({ shape, dtype: 'int32' });
const check =
  (signature: string, inputs: Parameters<typeof bind>[2], attributes = {}) =>
  () =>
    bind('op', parseSignature(signature), inputs, attributes);

describe('parsing', () => {
  test('reads names, products, dtypes and what may be left out', () => {
    expect(parseSignature('x[N,3*D], ids[N]:i32, bias[2*H*d]? -> y[N,D]:i32')).toMatchObject({
      inputs: [
        {
          name: 'x',
          dtype: 'float32',
          optional: false,
          dimensions: [{ letters: ['N'] }, { factor: 3, letters: ['D'] }],
        },
        { name: 'ids', dtype: 'int32', optional: false },
        { name: 'bias', optional: true, dimensions: [{ text: '2*H*d', factor: 2, letters: ['H', 'd'] }] },
      ],
      output: { name: 'y', dtype: 'int32' },
    });
  });

  test.each([
    ['x[N]', 'expected one "->"'],
    ['x[N] -> y[N] -> z[N]', 'expected one "->"'],
    ['x[N] -> ', 'cannot read " "'],
    ['x[N]! -> y[N]', 'cannot read "x[N]!'],
    ['x[N-1] -> y[N]', 'cannot read the dimension "N-1"'],
    ['x[N,] -> y[N]', 'cannot read the dimension ""'],
    ['x[N]:f16 -> y[N]', 'cannot read "x[N]:f16'],
    ['junk, x[N] -> y[N]', 'cannot read "junk"'],
  ])('refuses %s', (text, message) => {
    expect(() => parseSignature(text)).toThrow(SyntaxError);
    expect(() => parseSignature(text)).toThrow(message);
  });
});

describe('binding', () => {
  test('takes sizes from the inputs and the attributes', () => {
    const bound = check('q[N,H*d], span[N,2]:i32 -> y[H*N,C]', [shaped(5, 12), integers(5, 2)], { H: 3, C: 9 })();
    expect(bound).toEqual({ sizes: { N: 5, H: 3, d: 4, C: 9 }, shape: [15, 9] });
  });

  test('an optional input may be absent, at the end or between', () => {
    const signature = 'x[N], a[N]?, b[M]? -> y[N]';
    expect(check(signature, [shaped(4)])().shape).toEqual([4]);
    expect(check(signature, [shaped(4), undefined, shaped(6)])().sizes).toEqual({ N: 4, M: 6 });
  });

  test.each([
    [
      'x[N,D], weight[D] -> y[N,D]',
      [shaped(42, 128), shaped(80)],
      'op: weight is [80], expected [D] = [128] from x [42,128]',
    ],
    ['x[N,D] -> y[N,D]', [shaped(4)], 'op: x is [4], expected [N,D] = [?,?]'],
    ['x[N,3*D] -> y[N,D]', [shaped(2, 8)], 'op: x is [2,8], expected [N,3*D] = [2,?]'],
    ['x[N], ids[N]:i32 -> y[N]', [shaped(2), shaped(2)], 'op: ids is float32, expected int32'],
    ['x[N], w[N] -> y[N]', [shaped(2)], 'op: w is missing, expected x[N], w[N] -> y[N]'],
    ['x[N] -> y[N]', [shaped(2), shaped(2)], 'op: 2 inputs, expected 1 of x[N] -> y[N]'],
    ['x[N] -> y[M]', [shaped(2)], 'op: nothing says how large M is'],
  ])('%s explains what does not fit', (signature, inputs, message) => {
    expect(check(signature, inputs)).toThrow(new ShapeError(message));
  });

  test('refuses a size of the output that is no size', () => {
    for (const M of [0, -1, 1.5, Number.NaN]) {
      expect(check('x[N] -> y[N,M]', [shaped(2)], { M })).toThrow(
        new ShapeError(`op: the output's M is ${M}, expected a positive whole number`),
      );
    }
  });

  test('shapes made from sizes bind to those sizes, and no others fit', () => {
    const signature = parseSignature('x[N,2*D], y[B*N], z[N*D] -> out[B,D*N]');
    const positive = fc.integer({ min: 1, max: 7 });
    const change = fc.record({ input: fc.nat(2), axis: fc.nat(1), by: positive });
    fc.assert(
      fc.property(positive, positive, positive, change, (B, N, D, { input, axis, by }) => {
        const inputs = [shaped(N, 2 * D), shaped(B * N), shaped(N * D)];
        expect(bind('op', signature, inputs, {})).toEqual({ sizes: { B, N, D }, shape: [B, D * N] });
        inputs[input].shape[axis % inputs[input].shape.length] += by;
        if (input === 1 && by % N === 0) return; // another B
        expect(() => bind('op', signature, inputs, {})).toThrow(ShapeError);
      }),
    );
  });
});
