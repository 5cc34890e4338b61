import type { DeviceClock } from './watch.ts';

/** Compute passes between `start` and `stop`: an operation is a few. */
const MOST_PASSES = 64;
const FEATURE = 'timestamp-query';
/** The numbers of GPUBufferUsage and GPUMapMode, which TypeScript does not know as values (webgpu, sections 5.1.1 and 5.2). */
const USAGE = { mapRead: 1, copySource: 4, copyDestination: 8, queryResolve: 0x200 } as const;
const MAP_MODE_READ = 1;

/** A clock that can be taken off again, or why there is none. */
export type InstalledClock = (DeviceClock & { restore(): void }) | { readonly unavailable: string };

/** What is kept of a device that asked for timestamps. */
interface Timed {
  readonly device: GPUDevice;
  readonly queries: GPUQuerySet;
  passes: number;
}

/**
 * The GPU's own time of what GPU.js runs on WebGPU: the page's prototypes are wrapped, so that every device asks for timestamps,
 * and every compute pass writes one at its beginning and one at its end. Make it before the device; the library stays as it is.
 */
export async function webgpuClock(): Promise<InstalledClock> {
  if (typeof GPUAdapter === 'undefined') return { unavailable: 'this engine has no WebGPU' };
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) return { unavailable: 'WebGPU has no adapter here' };
  if (!adapter.features.has(FEATURE)) return { unavailable: `the adapter lacks ${FEATURE}` };

  const { requestDevice } = GPUAdapter.prototype;
  const { createCommandEncoder } = GPUDevice.prototype;
  const { beginComputePass } = GPUCommandEncoder.prototype;
  const encoders = new WeakMap<GPUCommandEncoder, Timed>();
  const devices = new WeakMap<GPUDevice, Timed>();
  let current: Timed | undefined;
  let measuring = false;

  GPUAdapter.prototype.requestDevice = async function (descriptor = {}) {
    const requiredFeatures = [...new Set([...(descriptor.requiredFeatures ?? []), FEATURE])] as GPUFeatureName[];
    const device = await requestDevice.call(this, { ...descriptor, requiredFeatures });
    const queries = device.createQuerySet({ type: 'timestamp', count: 2 * MOST_PASSES });
    current = { device, queries, passes: 0 };
    devices.set(device, current);
    return device;
  };
  GPUDevice.prototype.createCommandEncoder = function (descriptor) {
    const encoder = createCommandEncoder.call(this, descriptor);
    const timed = devices.get(this);
    if (timed) encoders.set(encoder, timed);
    return encoder;
  };
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor) {
    const timed = encoders.get(this);
    if (!measuring || !timed) return beginComputePass.call(this, descriptor);
    const at = timed.passes++;
    if (at >= MOST_PASSES) return beginComputePass.call(this, descriptor);
    const timestampWrites = {
      querySet: timed.queries,
      beginningOfPassWriteIndex: 2 * at,
      endOfPassWriteIndex: 2 * at + 1,
    };
    return beginComputePass.call(this, { ...descriptor, timestampWrites });
  };

  /** The sum of the passes in milliseconds; waits until they are done. */
  async function elapsed({ device, queries, passes }: Timed): Promise<number> {
    const bytes = 16 * passes;
    const resolved = device.createBuffer({
      size: bytes,
      usage: USAGE.queryResolve | USAGE.copySource,
    });
    const mapped = device.createBuffer({ size: bytes, usage: USAGE.mapRead | USAGE.copyDestination });
    try {
      const encoder = createCommandEncoder.call(device);
      encoder.resolveQuerySet(queries, 0, 2 * passes, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, mapped, 0, bytes);
      device.queue.submit([encoder.finish()]);
      await mapped.mapAsync(MAP_MODE_READ);
      const stamps = new BigUint64Array(mapped.getMappedRange());
      let nanoseconds = 0n;
      for (let pass = 0; pass < passes; pass++) nanoseconds += stamps[2 * pass + 1] - stamps[2 * pass];
      return Number(nanoseconds) / 1e6;
    } finally {
      resolved.destroy();
      mapped.destroy();
    }
  }

  return {
    source: FEATURE,
    start() {
      if (current) current.passes = 0;
      measuring = true;
    },
    async stop() {
      measuring = false;
      if (!current || current.passes === 0 || current.passes > MOST_PASSES) return { compute: null };
      const compute = await elapsed(current);
      return { compute: compute > 0 ? compute : null };
    },
    restore() {
      GPUAdapter.prototype.requestDevice = requestDevice;
      GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
      GPUCommandEncoder.prototype.beginComputePass = beginComputePass;
    },
  };
}
