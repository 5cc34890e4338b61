import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Code, func } from '../../kernels/simd/wasm/code.ts';
import { float32, float64, signed, unsigned } from '../../kernels/simd/wasm/encoding.ts';
import * as table from '../../kernels/simd/wasm/instructions.ts';
import { assemble } from '../../kernels/simd/wasm/module.ts';
import type { Value } from '../../kernels/simd/wasm/values.ts';

const { f32, f32x4, i32, i32x4, i8x16, memory, select, v128 } = table;

/** Runs a function body over a memory that holds these bytes, and returns the memory. */
function execute(body: (code: Code) => void, given: ArrayLike<number> = [], relaxed = false): DataView {
  const options = { memory: { pages: 1, mostPages: 1, shared: false }, relaxed };
  const bytes = assemble({ exports: [func('main', {}, body)], ...options });
  expect(WebAssembly.validate(bytes)).toBe(true);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  new Uint8Array(memory.buffer).set(given);
  const { main } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { environment: { memory } }).exports;
  (main as () => void)();
  return new DataView(memory.buffer);
}

const RESULT = 1024;
const integer = (value: Value<'i32'>) => (code: Code) => code.run(i32.store(RESULT, value));
const float = (value: Value<'f32'>) => (code: Code) => code.run(f32.store(RESULT, value));
const lanes = (value: Value<'v128'>) => (code: Code) => code.run(v128.store(RESULT, value));

const a = f32x4.const(1.5, -2, 0, 4);
const b = f32x4.const(2, -3, 8, -0.5);
const bits = i32x4.const(0b1100, -1, 0, 5);
const mask = i32x4.const(0b1010, 7, -1, 3);
/** What memory holds before: 0, 0x81, 2, 0x83, 4, … */
const bytes = Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? i : i + 0x80));
const word = (at: number) => new DataView(Uint8Array.from(bytes).buffer).getInt32(at, true);

type Example = readonly [body: (code: Code) => void, expected: number | readonly number[], as: 'i32' | 'f32'];
const int = (value: Value<'i32'>, expected: number): Example => [integer(value), expected, 'i32'];
const single = (value: Value<'f32'>, expected: number): Example => [float(value), Math.fround(expected), 'f32'];
const four = (value: Value<'v128'>, ...expected: number[]): Example => [lanes(value), expected, 'f32'];
const ints = (value: Value<'v128'>, ...expected: number[]): Example => [lanes(value), expected, 'i32'];
const effect = (value: Value<'void'>, ...expected: number[]): Example => [(code) => code.run(value), expected, 'i32'];

/** One example at least for every instruction of the table. */
const examples: Record<string, Record<string, Example[]>> = {
  i32: {
    const: [int(i32.const(-70000), -70000), int(i32.const(2 ** 32 - 2), -2)],
    load: [int(i32.load(4, 5), word(9))],
    load16_u: [int(i32.load16_u(2), 0x8302)],
    store: [effect(i32.store(RESULT - 4, -9, 4), -9)],
    store16: [effect(i32.store16(RESULT, 0x12345, 0), 0x2345)],
    eq: [int(i32.eq(4, 4), 1), int(i32.eq(4, 5), 0)],
    lt_s: [int(i32.lt_s(-1, 0), 1), int(i32.lt_s(0, -1), 0)],
    lt_u: [int(i32.lt_u(-1, 0), 0), int(i32.lt_u(0, -1), 1)],
    ge_u: [int(i32.ge_u(-1, 0), 1), int(i32.ge_u(3, 3), 1), int(i32.ge_u(2, 3), 0)],
    add: [int(i32.add(0x7fffffff, 1), -0x80000000)],
    sub: [int(i32.sub(3, 5), -2)],
    mul: [int(i32.mul(-3, 5), -15)],
    div_u: [int(i32.div_u(-1, 2), 0x7fffffff)],
    rem_u: [int(i32.rem_u(17, 5), 2)],
    and: [int(i32.and(0b1100, 0b1010), 0b1000)],
    or: [int(i32.or(0b1100, 0b1010), 0b1110)],
    shl: [int(i32.shl(3, 4), 48)],
    trunc_sat_f32_s: [int(i32.trunc_sat_f32_s(-2.9), -2), int(i32.trunc_sat_f32_s(1e20), 0x7fffffff)],
  },
  f32: {
    load: [[(code) => code.run(f32.store(RESULT, f32.load(8, 4))), word(12), 'i32']],
    store: [[(code) => code.run(f32.store(RESULT - 8, 0.1, 8)), Math.fround(0.1), 'f32']],
    gt: [int(f32.gt(2, 1), 1), int(f32.gt(2, 2), 0)],
    abs: [single(f32.abs(-0.5), 0.5)],
    floor: [single(f32.floor(-0.5), -1)],
    add: [single(f32.add(0.25, 1), 1.25)],
    sub: [single(f32.sub(0.25, 1), -0.75)],
    mul: [single(f32.mul(3, -1.5), -4.5)],
    div: [single(f32.div(1, 3), 1 / 3)],
    convert_i32_u: [single(f32.convert_i32_u(-1), 2 ** 32)],
  },
  v128: {
    load: [ints(v128.load(3, 2), word(5), word(9), word(13), word(17))],
    load16x4_u: [ints(v128.load16x4_u(1, 1), 0x8302, 0x8504, 0x8706, 0x8908)],
    load32_splat: [ints(v128.load32_splat(4, 4), word(8), word(8), word(8), word(8))],
    load32_zero: [ints(v128.load32_zero(8), word(8), 0, 0, 0)],
    store: [effect(v128.store(RESULT - 16, i32x4.const(1, 2, 3, 4), 16), 1, 2, 3, 4)],
    store32_lane: [effect(v128.store32_lane(RESULT - 4, i32x4.const(1, 2, 3, 4), 2, 4), 3, 0)],
    and: [ints(v128.and(bits, mask), 0b1000, 7, 0, 1)],
    or: [ints(v128.or(bits, mask), 0b1110, -1, -1, 7)],
    bitselect: [ints(v128.bitselect(i32x4.const(-1), i32x4.const(0), mask), 0b1010, 7, -1, 3)],
  },
  f32x4: {
    const: [four(f32x4.const(7), 7, 7, 7, 7), four(a, 1.5, -2, 0, 4)],
    splat: [four(f32x4.splat(f32.add(1, 1)), 2, 2, 2, 2)],
    extract_lane: [0, 1, 2, 3].map((lane) => single(f32x4.extract_lane(a, lane), [1.5, -2, 0, 4][lane])),
    lt: [ints(f32x4.lt(b, a), 0, -1, 0, -1)],
    abs: [four(f32x4.abs(a), 1.5, 2, 0, 4)],
    neg: [four(f32x4.neg(a), -1.5, 2, -0, -4)],
    sqrt: [four(f32x4.sqrt(f32x4.const(4, 9, 0, 2)), 2, 3, 0, Math.fround(Math.SQRT2))],
    add: [four(f32x4.add(a, b), 3.5, -5, 8, 3.5)],
    sub: [four(f32x4.sub(a, b), -0.5, 1, -8, 4.5)],
    mul: [four(f32x4.mul(a, b), 3, 6, 0, -2)],
    div: [four(f32x4.div(a, b), 0.75, Math.fround(2 / 3), 0, -8)],
    pmin: [four(f32x4.pmin(a, b), 1.5, -3, 0, -0.5), four(f32x4.pmin(f32x4.const(NaN), b), NaN, NaN, NaN, NaN)],
    pmax: [four(f32x4.pmax(a, b), 2, -2, 8, 4), four(f32x4.pmax(b, f32x4.const(NaN)), 2, -3, 8, -0.5)],
    relaxed_madd: [], // in relaxed.test.ts, where the engine is asked for it
  },
  i32x4: {
    const: [ints(i32x4.const(-1), -1, -1, -1, -1), ints(bits, 12, -1, 0, 5)],
    shl: [ints(i32x4.shl(bits, 2), 48, -4, 0, 20)],
    shr_s: [ints(i32x4.shr_s(bits, 1), 6, -1, 0, 2)],
    add: [ints(i32x4.add(bits, mask), 22, 6, -1, 8)],
    sub: [ints(i32x4.sub(bits, mask), 2, -8, 1, 2)],
  },
  i8x16: { shuffle: [four(i8x16.shuffle(a, b, [3, 4, 0, 6]), 4, 2, 1.5, 8)] },
  memory: {
    copy: [effect(memory.copy(RESULT, 8, 8), word(8), word(12), 0)],
    fill: [effect(memory.fill(RESULT, 0x107, 5), 0x07070707, 7)],
  },
  select: {
    select: [
      int(select(i32.eq(0, 0), i32.const(5), i32.const(6)), 5),
      four(select(i32.eq(1, 0), a, b), 2, -3, 8, -0.5),
    ],
  },
};

describe('instructions', () => {
  test('every instruction of the table has an example', () => {
    const names = Object.entries(table).flatMap(([group, entry]) =>
      typeof entry === 'function' ? [`${group}.${group}`] : Object.keys(entry).map((name) => `${group}.${name}`),
    );
    const shown = Object.entries(examples).flatMap(([group, entry]) => Object.keys(entry).map((n) => `${group}.${n}`));
    expect(shown.sort()).toEqual(names.sort());
  });

  const all = Object.entries(examples).flatMap(([group, entry]) =>
    Object.entries(entry).flatMap(([name, list]) =>
      list.map((example, i) => [`${group}.${name}`, i, example] as const),
    ),
  );
  test.each(all)('%s (%i)', (_name, _index, [body, expected, as]) => {
    const view = execute(body, bytes);
    for (const [i, value] of [expected].flat().entries()) {
      expect(as === 'i32' ? view.getInt32(RESULT + 4 * i, true) : view.getFloat32(RESULT + 4 * i, true)).toBe(value);
    }
  });

  test('an operand of another type is refused, whatever TypeScript was told', () => {
    expect(() => i32.add(f32.abs(1) as unknown as Value<'i32'>, 1)).toThrow('an operand is f32, expected i32');
  });
});

describe('code', () => {
  const plusOne = func('plusOne', { address: 'i32' }, (code, { address }) =>
    code.run(i32.store(address, i32.add(i32.load(address), 1))),
  );

  test('for counts like its equivalent in TypeScript', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.integer({ min: 1, max: 7 }), (from, to, step) => {
        const visited: number[] = [];
        for (let i = from; i < to; i += step) visited.push(i);
        const view = execute((code) => {
          const next = code.let(i32.const(RESULT));
          code.for(from, to, step, (i) => {
            code.run(i32.store(next, i));
            code.set(next, i32.add(next, 4));
          });
          code.run(i32.store(0, next));
        });
        expect((view.getInt32(0, true) - RESULT) / 4).toBe(visited.length);
        expect(visited.map((_, i) => view.getInt32(RESULT + 4 * i, true))).toEqual(visited);
      }),
      { numRuns: 30 },
    );
  });

  test.each([0, 1])('if takes the branch of %i', (condition) => {
    const view = execute((code) => {
      const write = (value: number) => () => code.run(i32.store(RESULT, value));
      code.if(i32.const(condition), write(1), write(2));
      code.if(i32.const(condition), () => code.run(i32.store(RESULT + 4, 3)));
    });
    expect([view.getInt32(RESULT, true), view.getInt32(RESULT + 4, true)]).toEqual(condition ? [1, 3] : [2, 0]);
  });

  test('branches leave the block and repeat the loop they name, from any depth', () => {
    const view = execute((code) => {
      const i = code.let(i32.const(0));
      code.block((end) => {
        code.loop((again) => {
          code.set(i, i32.add(i, 1));
          code.if(i32.eq(i, 5), () => code.block(() => code.branch(end)));
          code.branchIf(again, i32.lt_u(i, 100));
        });
        code.set(i, -1);
      });
      code.run(i32.store(RESULT, i));
    });
    expect(view.getInt32(RESULT, true)).toBe(5);
  });

  test('an expression is evaluated where it is used, a local once', () => {
    const view = execute((code) => {
      const expression = i32.load(RESULT);
      const local = code.let(expression);
      code.call(plusOne, { address: RESULT });
      code.call(plusOne, { address: RESULT });
      code.run(i32.store(RESULT + 4, expression));
      code.run(i32.store(RESULT + 8, local));
    });
    expect([view.getInt32(RESULT + 4, true), view.getInt32(RESULT + 8, true)]).toEqual([2, 0]);
  });

  test('a function is in the module once however often it is called, and only exports are exported', () => {
    const main = func('main', {}, (code) => {
      for (let i = 0; i < 3; i++) code.call(plusOne, { address: 0 });
    });
    const bytes = assemble({
      exports: [main],
      memory: { pages: 1, mostPages: 2, shared: true },
      relaxed: false,
    });
    const module = new WebAssembly.Module(bytes);
    expect(WebAssembly.Module.exports(module)).toEqual([{ name: 'main', kind: 'function' }]);
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'environment', name: 'memory', kind: 'memory' }]);
    expect(WebAssembly.Module.customSections(module, 'name')).toHaveLength(1);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    (new WebAssembly.Instance(module, { environment: { memory } }).exports.main as () => void)();
    expect(new Int32Array(memory.buffer)[0]).toBe(3);
    expect(() =>
      assemble({ exports: [main, main], memory: { pages: 1, mostPages: 1, shared: false }, relaxed: false }),
    ).toThrow('two exports have one name');
  });
});

describe('encoding', () => {
  const decode = (bytes: readonly number[], sign: boolean): bigint => {
    const value = bytes.reduce((sum, byte, i) => sum | (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n);
    return sign && bytes.at(-1)! & 0x40 ? value - (1n << BigInt(7 * bytes.length)) : value;
  };

  test('LEB128 round trip, and never a byte too many', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = signed(value);
        expect(decode(bytes, true)).toBe(BigInt(value));
        const bits =
          BigInt(value < 0 ? -value - 1 : value)
            .toString(2)
            .replace(/^0$/, '').length + 1;
        expect(bytes).toHaveLength(Math.ceil(bits / 7));
        const size = Math.abs(value);
        expect(decode(unsigned(size), false)).toBe(BigInt(size));
      }),
    );
    expect(() => unsigned(-1)).toThrow(RangeError);
    expect(() => signed(0.5)).toThrow(RangeError);
  });

  test('floats are little-endian', () => {
    expect(float32(-1.5)).toEqual([0, 0, 0xc0, 0xbf]);
    expect(float64(-1.5)).toEqual([0, 0, 0, 0, 0, 0, 0xf8, 0xbf]);
  });
});
