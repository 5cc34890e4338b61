import { expect, test } from 'vitest';
import { append } from '../../kernels/simd/append.ts';
import { gatherRows } from '../../kernels/simd/gather-rows.ts';
import { rotary } from '../../kernels/simd/rotary.ts';
import { widenRange } from '../../kernels/simd/widen.ts';
import { RECIPES } from '../../src/open-device.ts';
import { widenBfloat16 } from '../../tensor/dtype.ts';
import { compileKernels } from '../../tensor/simd/kernels.ts';
import { kernelsOf } from '../../tensor/simd/recipe.ts';
import { func } from '../../tensor/wasm/code.ts';
import { draw } from '../kernels/case.ts';
import { guarded } from './guarded.ts';
import { instantiate } from './instantiate.ts';

const memory = guarded();

// Where int32 offsets change their sign, in the middle of what is written.
const across = guarded({ start: 2 ** 31 - 100 });

test.each([
  ['', memory],
  [', across 2 GiB', across],
])('rows of a bfloat16 table are widened exactly%s', (_, memory) => {
  memory.clear();
  const [V, D] = [5, 7];
  const table = Uint16Array.from({ length: V * D }, (_, i) => (i * 1877) & 0xffff);
  const ids = Int32Array.of(4, 0, 4);
  const y = memory.allocate(4 * ids.length * D);
  const given = { table: memory.put(table), ids: memory.put(ids), y, D };
  memory.run(gatherRows.bfloat16, { ...given, start: 1, end: 3 });
  memory.run(gatherRows.bfloat16, { ...given, start: 0, end: 1 });
  const wide = new Uint8Array(widenBfloat16(table).buffer);
  for (const [i, id] of ids.entries()) {
    expect(memory.bytes(y + 4 * i * D, 4 * D)).toEqual(wide.slice(4 * id * D, 4 * (id + 1) * D));
  }
  memory.clear();

  const [to, from] = [memory.allocate(4 * V * D), memory.put(table)];
  memory.run(widenRange.bfloat16, { from, to, start: 9, end: V * D });
  memory.run(widenRange.bfloat16, { from, to, start: 0, end: 9 });
  expect(memory.bytes(to, 4 * V * D)).toEqual(wide);
  memory.clear();
});

test('rotary and append read queries, keys and values inside the projection that made them', () => {
  memory.clear();
  const [N, H, d] = [6, 2, 10];
  const { floats } = draw(4);
  const width = H * d;
  const qkv = floats([N, 3 * width]);
  const keys = Float32Array.from({ length: N * width }, (_, i) => qkv.at(Math.floor(i / width), width + (i % width)));
  const all = memory.put(qkv.data) + 4 * width;
  const tables = { cos: memory.put(floats([N, d]).data), sin: memory.put(floats([N, d]).data) };
  const [inPlace, apart] = [memory.allocate(4 * N * width), memory.allocate(4 * N * width)];
  const rest = { ...tables, yRow: 4 * width, H, d, start: 0, end: N };
  memory.run(rotary, { ...rest, x: all, xRow: 12 * width, y: inPlace });
  memory.run(rotary, { ...rest, x: memory.put(keys), xRow: 4 * width, y: apart });
  expect(memory.bytes(inPlace, 4 * N * width)).toEqual(memory.bytes(apart, 4 * N * width));

  const cache = memory.put(new Float32Array(9 * width));
  const segments = memory.put(Int32Array.of(0, 0, 2, 5, 2, 4));
  memory.run(append, { cache, rows: all, segments, D: width, rowsRow: 12 * width, G: 2, start: 0, end: 9 });
  const expected = new Float32Array(9 * width);
  expected.set(keys.subarray(0, 2 * width));
  expected.set(keys.subarray(2 * width), 5 * width);
  expect(memory.floats(cache, 9 * width)).toEqual(expected);
  memory.clear();
});

test('of two segments for one place of a cache the later counts, however the places are divided', () => {
  memory.clear();
  const [M, N, D] = [5, 6, 3];
  const rows = memory.put(Float32Array.from({ length: N * D }, (_, i) => i));
  const segments = memory.put(Int32Array.of(0, 0, 4, 1, 4, 2, 0, 3, 1));
  const expected = [3, 4, 5, 3, 0].flatMap((row, place) =>
    place < 4 ? [0, 1, 2].map((i) => row * D + i) : [-1, -1, -1],
  );
  for (const cuts of [
    [0, 5],
    [0, 2, 5],
    [0, 1, 2, 3, 4, 5],
  ]) {
    const cache = memory.put(new Float32Array(M * D).fill(-1));
    for (let i = cuts.length - 2; i >= 0; i--) {
      const range = { start: cuts[i], end: cuts[i + 1] };
      memory.run(append, { cache, rows, segments, D, rowsRow: 4 * D, G: 3, ...range });
    }
    expect([...memory.floats(cache, M * D)]).toEqual(expected);
  }
  memory.clear();
});

test('kernels run on shared memory; a kernel it does not hold is named', () => {
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const run = instantiate(compileKernels(kernelsOf(RECIPES), true, { relaxed: false }), shared);
  const ids = new Int32Array(shared.buffer, 0, 1);
  new Uint16Array(shared.buffer, 8, 1)[0] = 0x3f80;
  run(gatherRows.bfloat16, { table: 8, ids: 0, y: 16, D: 1, start: 0, end: ids.length });
  expect(new Float32Array(shared.buffer, 16, 1)[0]).toBe(1);
  expect(() =>
    run(
      func('unknown', {}, () => undefined),
      {},
    ),
  ).toThrow('no kernel unknown');
});
