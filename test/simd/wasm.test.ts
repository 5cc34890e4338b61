import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Code, func } from '../../tensor/wasm/code.ts';
import { float32, float64, signed, unsigned } from '../../tensor/wasm/encoding.ts';
import { f32x4, i32, i32x4, v128 } from '../../tensor/wasm/instructions.ts';
import { assemble } from '../../tensor/wasm/module.ts';
import { execute, RESULT } from './execute.ts';

describe('code', () => {
  const plusOne = func('plusOne', { address: 'i32' }, (code, { address }) =>
    code.run(i32.store(address, i32.add(i32.load(address), 1))),
  );

  const store = func('store', { address: 'i32', value: 'i32' }, (code, { address, value }) =>
    code.run(i32.store(address, value)),
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

  test('bodies abreast have their first statements before the second of any', () => {
    const SEEN = 0;
    const view = execute((code) =>
      code.abreast(
        [1, 2, 3].map((number) => () => {
          const seen = code.let(i32.load(SEEN));
          code.run(i32.store(SEEN, i32.add(i32.load(SEEN), number)));
          code.run(i32.store(RESULT + 4 * number, seen));
        }),
      ),
    );
    expect(view.getInt32(SEEN, true)).toBe(6);
    expect([1, 2, 3].map((number) => view.getInt32(RESULT + 4 * number, true))).toEqual([0, 0, 0]);
  });

  test('bodies abreast may call', () => {
    const view = execute((code) =>
      code.abreast([1, 2].map((number) => () => code.call(store, { address: RESULT + 4 * number, value: number }))),
    );
    expect([1, 2].map((number) => view.getInt32(RESULT + 4 * number, true))).toEqual([1, 2]);
  });

  test.each([
    ['a condition', 'have no blocks', [(code: Code) => code.if(i32.const(1), () => {})]],
    ['a loop in a loop', 'have no blocks', [(code: Code) => code.for(0, 1, 1, () => {})]],
    ['a branch', 'have no blocks', [(code: Code) => code.branch({ depth: 0 })]],
    ['a conditional branch', 'have no blocks', [(code: Code) => code.branchIf({ depth: 0 }, i32.const(1))]],
    ['another number of statements', 'have 0,1 statements', [() => {}, (code: Code) => code.let(i32.const(1))]],
  ])('bodies abreast do not have %s', (_, message, bodies) => {
    expect(() => execute((code) => code.abreast(bodies.map((body) => () => body(code))))).toThrow(message);
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

test('a constant of 128 bits stands in a module once however often it is used, and each is its own', () => {
  const lanes: Parameters<typeof f32x4.const>[] = [[1.5], [-0], [0], [1, 2, 3, 4], [1.5]];
  const main = func('main', {}, (code) => {
    for (const [i, each] of lanes.entries()) code.run(v128.store(16 * i, f32x4.const(...each)));
    code.run(v128.store(16 * lanes.length, i32x4.const(-1, 2, -3, 4)));
  });
  const bytes = assemble({ exports: [main], memory: { pages: 1, mostPages: 1, shared: false }, relaxed: false });
  const count = (lane: number) =>
    Buffer.from(bytes)
      .toString('hex')
      .split(Buffer.from(float32(lane)).toString('hex')).length - 1;
  expect([count(1.5), count(2), count(-0)]).toEqual([4, 1, 4]);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  (new WebAssembly.Instance(new WebAssembly.Module(bytes), { environment: { memory } }).exports.main as () => void)();
  const stored = new Float32Array(memory.buffer, 0, 4 * lanes.length);
  expect([...stored]).toEqual(
    lanes.flatMap((each) => (each.length === 1 ? Array.from({ length: 4 }, () => each[0]) : each)),
  );
  expect([...new Int32Array(memory.buffer, 16 * lanes.length, 4)]).toEqual([-1, 2, -3, 4]);
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
    expect([...float32(-1.5)]).toEqual([0, 0, 0xc0, 0xbf]);
    expect([...float64(-1.5)]).toEqual([0, 0, 0, 0, 0, 0, 0xf8, 0xbf]);
  });
});
