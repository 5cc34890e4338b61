import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { append } from '../../kernels/append.ts';
import { closeDevice, createDevice, type Device } from '../../tensor/device.ts';
import { DeviceError, ShapeError, UseAfterFreeError } from '../../tensor/error.ts';
import { launch } from '../../tensor/op.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { block } from '../../tensor/tap.ts';
import { free, read, type Tensor, tensor } from '../../tensor/tensor.ts';
import { apply, fakeDriver, gate, opOf } from './fake-driver.ts';

let driver: ReturnType<typeof fakeDriver>;
let device: Device;
const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);

beforeEach(() => {
  driver = fakeDriver();
  device = createDevice(driver);
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await device.queue.idle();
  await new Promise((resolve) => setTimeout(resolve)); // Node tells of unhandled rejections after a turn
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0)).toEqual([]);
});

const floats = (shape: number[], label?: string): Tensor =>
  tensor(device, new Float32Array(shape.reduce((a, b) => a * b)), shape, label ? { label } : {});

describe('order', () => {
  test('loads, runs, reads and frees in the order of the program', async () => {
    const { data } = scope(() => ({ data: read(apply('double', floats([2, 3]))) }));
    expect(driver.log).toEqual([]);
    expect([...(await data)]).toEqual([7, 7, 7, 7, 7, 7]);
    await device.queue.idle();
    expect(driver.log).toEqual(['upload 2,3', 'run double 2,3', 'read 2,3', 'free 6', 'free 6']);
  });

  test('calls a function for data when its turn comes, not before', async () => {
    const first = gate();
    tensor(device, () => first.opened.then(() => Float32Array.of(1)), [1]);
    let asked = false;
    const second = tensor(
      device,
      () => {
        asked = true;
        return Int32Array.of(1, 2);
      },
      [2],
      { dtype: 'int32' },
    );
    await new Promise((resolve) => setTimeout(resolve));
    expect(asked).toBe(false);
    first.open();
    expect(await read(second)).toEqual(Int32Array.of(1, 2));
  });
});

describe('failures', () => {
  test('an operation that fails poisons what depends on it, and nothing else', async () => {
    device = createDevice(
      fakeDriver({
        run(op, _inputs, _sizes, shape) {
          if (op.name === 'breaks') throw new Error('out of paper');
          return new Float32Array(shape[0] * shape[1]);
        },
      }),
    );
    const x = floats([1, 2]);
    const broken = block('transformer.h.3', {}, () => apply('breaks', x));
    const after = apply('fine', broken);
    const aside = apply('fine', x);
    const message = 'transformer.h.3: breaks failed on fake';
    await expect(read(after)).rejects.toMatchObject({ message, cause: { message: 'out of paper' } });
    await expect(read(broken)).rejects.toThrow(message);
    expect([...(await read(aside))]).toEqual([0, 0]);
    for (const each of [x, broken, after, aside]) free(each);
  });

  test('nobody has to read what failed', async () => {
    const lost = tensor(device, () => Promise.reject(new Error('no such file')), [1, 1]);
    read(apply('double', lost));
    await device.queue.idle(); // and afterEach finds no unhandled rejection
  });

  test.each([
    ['rejects', () => Promise.reject(new Error('no such file')), new Error('no such file')],
    [
      'has the wrong length',
      () => new Float32Array(3),
      new ShapeError('wte.weight: 3 elements, expected 2 for the shape [1,2]'),
    ],
  ])('data from a function that %s fails at the first read', async (_, load, error) => {
    const weight = tensor(device, load, [1, 2], { label: 'wte.weight' });
    await expect(read(weight)).rejects.toThrow(error);
    await expect(read(apply('double', weight))).rejects.toThrow(error);
  });

  test('an array of the wrong length, and a shape that is none, fail at once and leave nothing', () => {
    expect(() => tensor(device, new Float32Array(3), [2, 2], { label: 'x' })).toThrow(
      new ShapeError('x: 3 elements, expected 4 for the shape [2,2]'),
    );
    for (const shape of [[], [0], [2, -1], [1.5], [Number.NaN], [2 ** 53]]) {
      expect(() => tensor(device, new Float32Array(0), shape)).toThrow(ShapeError);
    }
    expect(device.live.size).toBe(0);
    expect(device.memory.bytes).toBe(0);
  });

  test('inputs of two devices do not mix', () => {
    const other = createDevice(fakeDriver({ name: 'other' }));
    const there = tensor(other, Float32Array.of(1), [1, 1]);
    expect(() => launch(opOf('sum', 'x[N,D], y[N,D] -> z[N,D]'), [floats([1, 1]), there])).toThrow(
      'sum: its inputs live on fake and on other',
    );
  });
});

describe('lifetimes', () => {
  test('using a freed tensor names the user, the tensor and who freed it', () => {
    const x = floats([2, 3], 'ln_f.weight');
    free(x);
    const remedy = 'was freed by free; keep it, or use it before';
    expect(() => apply('double', x)).toThrow(new UseAfterFreeError(`double: x, ln_f.weight [2,3], ${remedy}`));
    expect(() => read(x)).toThrow(new UseAfterFreeError(`read: the tensor, ln_f.weight [2,3], ${remedy}`));
    expect(() => free(x)).toThrow(UseAfterFreeError);
    const inside: Tensor[] = [];
    scope(() => void inside.push(apply('double', floats([1, 1]))));
    expect(() => apply('triple', inside[0])).toThrow('triple: x, double [1,1], was freed by the end of its scope');
  });

  test('append consumes its cache, unless it refuses', async () => {
    const [cache, rows] = [floats([4, 2], 'cache'), floats([3, 2], 'rows')];
    const segments = tensor(device, Int32Array.of(1, 0, 3), [1, 3]);
    expect(() => append(cache, floats([1, 3]), segments)).toThrow(ShapeError);
    const appended = append(cache, rows, segments);
    expect(() => append(cache, rows, segments)).toThrow('append: cache, cache [4,2], was freed by append');
    expect((await read(appended)).length).toBe(8);
  });

  test('a scope frees what was made inside, except what it returns and what is kept', async () => {
    const kept: Tensor[] = [];
    const outside = floats([1, 1]);
    const escaped = scope(() => {
      const result = scope(() => {
        const x = floats([2, 2]);
        kept.push(keep(apply('kept', x)));
        return { list: [apply('returned', x), 'text', null], other: apply('returned too', x) };
      });
      expect(device.live.size).toBe(4); // outside, kept, and two that now belong to the scope around
      apply('dropped', result.other);
      return { first: result.list[0] as Tensor, nested: { outside } };
    });
    expect([...device.live]).toEqual([outside, kept[0], escaped.first]);
    expect(device.memory.bytes).toBe(4 * (1 + 4 + 4));
    for (const each of [outside, kept[0], escaped.first]) free(each);
    await device.queue.idle();
    expect(driver.log.filter((line) => line.startsWith('free'))).toHaveLength(6);
    expect(device.memory).toEqual({ bytes: 0, peakBytes: 4 * (1 + 4 + 4 + 4 + 4) });
  });

  test('a scope that throws frees everything it made', () => {
    expect(() =>
      scope(() => {
        apply('double', floats([2, 2]));
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(device.live.size).toBe(0);
  });

  test('a tensor freed by hand inside a scope is not freed twice', async () => {
    scope(() => free(floats([2, 2])));
    await device.queue.idle();
    expect(driver.log).toEqual(['upload 2,2', 'free 4']);
  });
});

describe('giving up', () => {
  test('cancelling the queue rejects what waits with the reason, and memory is still freed', async () => {
    const x = floats([1, 2]);
    const waiting = read(apply('double', x));
    device.queue.cancel(new Error('the user pressed Ctrl-C'));
    free(x);
    await expect(waiting).rejects.toThrow('the user pressed Ctrl-C');
    await device.queue.idle();
    expect(driver.log).toEqual([]);
    const again = floats([1, 1]);
    expect((await read(again)).length).toBe(1); // the device is still good
  });

  test('a driver that cannot free does not stop the queue', async () => {
    const failing = createDevice(
      fakeDriver({
        free() {
          throw new Error('cannot free');
        },
      }),
    );
    free(tensor(failing, new Float32Array(2), [2]));
    expect(await read(tensor(failing, Float32Array.of(1, 2), [2]))).toEqual(Float32Array.of(1, 2));
  });

  test('closing lets the running job end, rejects the rest, and refuses more', async () => {
    const loading = gate();
    const x = tensor(device, () => loading.opened.then(() => Float32Array.of(1)), [1, 1]);
    const [started, waiting] = [read(x), read(apply('double', x))];
    await Promise.resolve();
    const closed = closeDevice(device);
    expect(driver.log).toEqual(['upload 1,1']);
    loading.open();
    await closed;
    await closeDevice(device);
    const message = 'fake: the device was closed';
    await expect(started).rejects.toThrow(new DeviceError(message));
    await expect(waiting).rejects.toThrow(message);
    expect(driver.log).toEqual(['upload 1,1', 'close']);
    expect(() => floats([1])).toThrow(DeviceError);
    expect(() => apply('double', x)).toThrow('double: the device fake is closed');
    expect(() => read(x)).toThrow(DeviceError); // GPU.js would give zeros in webgl2
  });
});
