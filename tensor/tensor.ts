import { after } from './after.ts';
import type { Device, Driver, Given, HostData, Load, Tensor } from './device.ts';
import { DeviceError, ShapeError, UseAfterFreeError } from './error.ts';
import { track } from './owner.ts';
import type { Job } from './queue.ts';

export type { Tensor } from './device.ts';

export function elements(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

/** The name of a tensor in a message. */
export const describe = (tensor: Tensor): string => `${tensor.label} [${tensor.shape.join(',')}]`;

/** A tensor without data yet, counted and owned by the innermost scope. For the engine. */
export function allocate(
  device: Device,
  label: string,
  shape: readonly number[],
  dtype: 'float32' | 'int32' = 'float32',
  known?: Int32Array,
): Tensor {
  if (device.closed) throw new DeviceError(`${label}: the device ${device.name} is closed`);
  const internal: Tensor['internal'] = { slot: { state: 'pending' }, freedBy: undefined, heir: undefined };
  const tensor: Tensor = { device, shape, dtype, label, known, internal };
  (device.live as Set<Tensor>).add(tensor);
  device.memory.bytes += 4 * elements(shape);
  device.memory.peakBytes = Math.max(device.memory.peakBytes, device.memory.bytes);
  track(tensor);
  return tensor;
}

/**
 * A tensor with the given elements, row-major. `data` may be a function that the queue calls when it gets there: that is
 * how weights stream. The array is not copied: do not write to it afterwards.
 *
 * @param options.dtype int32 for a function that gives an Int32Array; an array says so itself
 * @throws ShapeError when the number of elements is not the shape's, or their type not the dtype (from the first read, if `data`
 *   is a function)
 */
export function tensor(
  device: Device,
  data: HostData | Load,
  shape: readonly number[],
  options: { label?: string; dtype?: 'float32' | 'int32' } = {},
): Tensor {
  const label = options.label ?? 'tensor';
  if (shape.length === 0 || !shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new ShapeError(`${label}: the shape is [${shape.join(',')}], expected positive whole numbers`);
  }
  const dtype = options.dtype ?? (data instanceof Int32Array ? 'int32' : 'float32');
  if (typeof data !== 'function') requireElements(label, data, shape, dtype);
  const made = allocate(device, label, [...shape], dtype, data instanceof Int32Array ? data : undefined);
  // No function has a name of its own here, as in `launch`.
  device.queue.push(
    settling(made, () =>
      upload(
        made,
        typeof data === 'function'
          ? () => after(data, (values) => requireElements(label, values, shape, dtype))
          : () => data,
      ),
    ),
  );
  return made;
}

function requireElements<Values extends Given>(
  label: string,
  values: Values,
  shape: readonly number[],
  dtype: 'float32' | 'int32',
): Values {
  if (values.length !== elements(shape)) {
    throw new ShapeError(
      `${label}: ${values.length} elements, expected ${elements(shape)} for the shape [${shape.join(',')}]`,
    );
  }
  const given = values instanceof Int32Array ? 'int32' : 'float32';
  if (given === dtype) return values;
  throw new ShapeError(`${label}: its elements are ${given}, expected ${dtype}, as it was declared`);
}

/** Hands data to the driver; how long that took is told apart from how long it took to have the data. */
function upload({ device, label, shape }: Tensor, load: Load): unknown | Promise<unknown> {
  const { driver, onTransfer } = device;
  if (!onTransfer) return stored(driver, load, shape);
  const start = performance.now();
  let [loading, bytes] = [0, 0];
  return after(
    () =>
      stored(
        driver,
        () => {
          const begin = performance.now();
          return after(load, (data) => {
            loading = performance.now() - begin;
            bytes = givenBytes(data);
            return data;
          });
        },
        shape,
      ),
    (storage) => {
      onTransfer({ kind: 'upload', label, bytes, start, milliseconds: performance.now() - start, loading });
      return storage;
    },
  );
}

/** What the driver can draw or keep packed never exists on the host as elements. */
function stored(driver: Driver, load: Load, shape: readonly number[]): unknown | Promise<unknown> {
  if (!driver.draw && !driver.pack) return driver.upload(() => after(load, onHost), shape);
  return after(load, (data) => {
    if ('seed' in data && driver.draw) return driver.draw(data, shape);
    if (('words' in data || 'float16' in data) && driver.pack) return driver.pack(data, shape);
    return driver.upload(() => onHost(data), shape);
  });
}

const onHost = (data: Given): HostData => ('onHost' in data ? data.onHost() : data);

function givenBytes(data: Given): number {
  if ('seed' in data) return (data.bfloat16 ? 2 : 4) * data.length;
  if ('float16' in data) return data.float16.byteLength;
  return 'words' in data ? data.words.byteLength + 2 * data.scales.length : data.byteLength;
}

/**
 * A weight that does not stay on the device: `block` loads it for as long as the block runs. Only its description is here; it
 * takes no memory and need not be freed.
 */
export function absent(device: Device, load: Load, shape: readonly number[], label: string): Tensor {
  const internal: Tensor['internal'] = { slot: { state: 'absent', load }, freedBy: undefined, heir: undefined };
  return { device, shape, dtype: 'float32', label, known: undefined, internal };
}

/** The tensor itself, or a loaded copy of one that is absent. */
export function present(wanted: Tensor): Tensor {
  const { device, shape, label, internal } = wanted;
  return internal.slot.state === 'absent' ? tensor(device, internal.slot.load, shape, { label }) : wanted;
}

export const isAbsent = ({ internal }: Tensor): boolean => internal.slot.state === 'absent';

/** The job that fills a tensor's slot with what `make` gives, or poisons it with the error it throws. */
export function settling(made: Tensor, make: (now: number) => unknown | Promise<unknown>): Job {
  const { internal } = made;
  return {
    run: (now) =>
      after(
        () => make(now),
        (storage) => {
          internal.slot = { state: 'ready', storage };
        },
        (error) => {
          internal.slot = { state: 'failed', error };
        },
      ),
    cancelled(error) {
      internal.slot = { state: 'failed', error };
    },
  };
}

/** @throws UseAfterFreeError naming who wants the tensor, the tensor, and who freed it */
export function requireLive(user: string, name: string, used: Tensor): void {
  if (used.internal.freedBy === undefined) return;
  throw new UseAfterFreeError(
    `${user}: ${name}, ${describe(used)}, was freed by ${used.internal.freedBy}; keep it, or use it before`,
  );
}

/** The storage of a tensor whose turn has come. @throws the error that poisoned it */
export function storageOf(used: Tensor): unknown {
  const { slot } = used.internal;
  if (slot.state === 'ready') return slot.storage;
  if (slot.state === 'failed') throw slot.error;
  throw new DeviceError(`${describe(used)}: its data is ${slot.state} when its turn has come`);
}

/**
 * Copies a tensor's elements to the host. The read is queued at once, so the tensor may be freed right after the call.
 *
 * @throws (rejects with) the error of the operation that failed on the way to this tensor
 */
export function read(wanted: Tensor): Promise<HostData> {
  requireLive('read', 'the tensor', wanted);
  const { device } = wanted;
  if (device.closed) throw new DeviceError(`read: ${describe(wanted)} was on ${device.name}, which is closed`);
  const result = new Promise<HostData>((resolve, reject) => {
    device.queue.push({
      async run() {
        try {
          const start = performance.now();
          const data = await device.driver.read(storageOf(wanted), wanted.shape, wanted.dtype);
          const { label } = wanted;
          const milliseconds = performance.now() - start;
          device.onTransfer?.({ kind: 'read', label, bytes: data.byteLength, start, milliseconds, loading: 0 });
          resolve(data);
        } catch (error) {
          reject(error);
        }
      },
      cancelled: reject,
    });
  });
  result.catch(() => undefined); // a read that is not awaited must not end the process
  return result;
}

/** Frees a tensor now, as far as the program is concerned; its memory goes when the queue gets there. */
export function free(unwanted: Tensor, by = 'free'): void {
  freeAll(unwanted.device, [unwanted], by);
}

/** Frees tensors of one device in one turn of its queue: a turn for each would take as long as a small kernel. */
export function freeAll(device: Device, unwanted: readonly Tensor[], by = 'free'): void {
  for (const tensor of unwanted) {
    requireLive(by, 'the tensor', tensor);
    tensor.internal.freedBy = by;
    (device.live as Set<Tensor>).delete(tensor);
    device.memory.bytes -= 4 * elements(tensor.shape);
  }
  if (device.closed) return; // the driver gives everything back
  device.queue.push({
    run() {
      for (const { internal } of unwanted) {
        const { slot } = internal;
        internal.slot = { state: 'freed' };
        try {
          if (slot.state === 'ready') device.driver.free(slot.storage);
        } catch {
          // The tensor is gone for the program; a driver that cannot give back its memory must not stop the queue.
        }
      }
    },
  });
}

/**
 * A weight takes over the data of another tensor, which is consumed: how an optimiser's step reaches every view of the weight. What was
 * launched before still reads the old data.
 *
 * @throws ShapeError when the shapes differ
 */
export function assign(weight: Tensor, value: Tensor): void {
  requireLive('assign', 'the weight', weight);
  requireLive('assign', 'the value', value);
  if (weight.shape.length !== value.shape.length || weight.shape.some((size, i) => size !== value.shape[i])) {
    throw new ShapeError(`assign: ${describe(value)} to ${describe(weight)}, expected the same shape`);
  }
  const { device } = weight;
  value.internal.freedBy = 'assign';
  (device.live as Set<Tensor>).delete(value);
  device.memory.bytes -= 4 * elements(value.shape);
  device.queue.push({
    run() {
      const { slot } = weight.internal;
      weight.internal.slot = value.internal.slot;
      value.internal.slot = { state: 'freed' };
      if (slot.state === 'ready') device.driver.free(slot.storage);
    },
  });
}
