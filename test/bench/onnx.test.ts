import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { productModel } from '../../bench/onnx.ts';

/** A field of a protocol buffer: a number, or bytes. */
interface Field {
  readonly field: number;
  readonly value: number | Uint8Array;
}

function fields(bytes: Uint8Array): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key % 8;
    expect([0, 2]).toContain(wire);
    const value = varint();
    if (wire === 0) found.push({ field: key >> 3, value });
    else {
      found.push({ field: key >> 3, value: bytes.slice(at, at + value) });
      at += value;
    }
  }
  expect(at).toBe(bytes.length);
  return found;
}

const all = (message: Uint8Array, field: number) => fields(message).filter((each) => each.field === field);
const inside = (message: Uint8Array, ...path: number[]): Uint8Array =>
  path.reduce((at, field) => all(at, field)[0].value as Uint8Array, message);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('a product as ONNX: one MatMul, its weights and its shapes', () => {
  const size = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(size, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), (M, K, N) => {
      const w = Float32Array.from({ length: K * N }, (_, i) => i / 7);
      const model = productModel(M, K, N, w);
      expect(text(inside(model, 7, 1, 4))).toBe('MatMul');
      const weights = inside(model, 7, 5);
      expect(all(weights, 1).map(({ value }) => value)).toEqual([K, N]);
      expect(new Float32Array((inside(weights, 9) as Uint8Array).slice().buffer)).toEqual(w);
      const shape = (field: number) =>
        all(inside(model, 7, field, 2, 1, 2), 1).map(({ value }) => all(value as Uint8Array, 1)[0].value);
      expect(shape(11)).toEqual([M, K]);
      expect(shape(12)).toEqual([M, N]);
    }),
    { numRuns: 30 },
  );
});
