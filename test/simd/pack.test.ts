import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { pack, unpack } from '../../kernels/simd/pack.ts';
import { PANEL, WEIGHT_BYTES } from '../../kernels/simd/weight-types.ts';
import { guarded } from './guarded.ts';
import { packed } from './packed.ts';

const memory = guarded();

test.each([
  'float32',
  'bfloat16',
  'float16',
] as const)('%s: panels hold the weights of 8 outputs side by side, zeros beyond, whichever way they were stored', (type) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.nat(3), (N, K, cut) => {
      memory.clear();
      const bytes = WEIGHT_BYTES[type];
      const bits = Uint8Array.from({ length: N * K * bytes }, (_, i) => (31 * i + 7) & 0xff); // NaNs among them
      const view = type === 'float32' ? new Float32Array(bits.buffer) : new Uint16Array(bits.buffer);
      const turned = new Uint8Array(bits.length);
      for (let n = 0; n < N; n++) {
        for (let k = 0; k < K; k++) {
          const at = (n * K + k) * bytes;
          turned.set(bits.subarray(at, at + bytes), (k * N + n) * bytes);
        }
      }
      const panels = Math.ceil(N / PANEL);
      const size = panels * PANEL * K * bytes;
      const expected = new Uint8Array(size);
      for (let n = 0; n < N; n++) {
        for (let k = 0; k < K; k++) {
          const at = (n * K + k) * bytes;
          const to = ((Math.floor(n / PANEL) * K + k) * PANEL + (n % PANEL)) * bytes;
          expected.set(bits.subarray(at, at + bytes), to);
        }
      }
      expect(memory.bytes(packed(memory, type, view, N, K), size)).toEqual(expected);

      const [w, to] = [memory.put(new Uint16Array(turned.buffer)), memory.allocate(size)];
      const strides = { rowStride: bytes, columnStride: bytes * N };
      const middle = Math.min(cut, panels);
      memory.run(pack[type], { w, packed: to, N, K, ...strides, start: middle, end: panels });
      memory.run(pack[type], { w, packed: to, N, K, ...strides, start: 0, end: middle });
      expect(memory.bytes(to, size)).toEqual(expected);

      // And back, either way.
      for (const [stored, layout] of [
        [turned, strides],
        [bits, { rowStride: bytes * K, columnStride: bytes }],
      ] as const) {
        const rows = memory.allocate(stored.length);
        memory.run(unpack[type], { packed: to, w: rows, N, K, ...layout, start: middle, end: panels });
        memory.run(unpack[type], { packed: to, w: rows, N, K, ...layout, start: 0, end: middle });
        expect(memory.bytes(rows, stored.length)).toEqual(stored);
      }
      memory.clear();
    }),
    { numRuns: 40 },
  );
});
