import { type Activity, type InstalledClock, type Timed, timesOf } from './device-times.ts';
import type { LaunchRecord } from './record.ts';

const FEATURE = 'timestamp-query';

/** To so many nanoseconds browsers round timestamps, unless they are started with `--enable-webgpu-developer-features`. */
const TICK = 2 ** 16;

/** What is timed between `start` and `stop`, at most: a query set holds 4,096 timestamps. */
const MOST_SPANS = 2048;

/** The numbers of GPUBufferUsage and GPUMapMode, which TypeScript does not know as values (webgpu, sections 5.1.1 and 5.2). */
const USAGE = { mapRead: 1, copySource: 4, copyDestination: 8, uniform: 0x40, queryResolve: 0x200 } as const;
const MAP_MODE_READ = 1;

/** Whether times of this clock were rounded, so that many a kernel is shorter than what its time can be told in. */
export function isRounded(launches: readonly Pick<LaunchRecord, 'source' | 'milliseconds'>[]): boolean {
  const times = launches.flatMap(({ source, milliseconds }) => (source === FEATURE ? (milliseconds ?? []) : []));
  return times.length > 0 && times.every((time) => Math.round(time * 1e6) % TICK === 0);
}

/** A device, and the timestamps that it writes: none if it was there before the clock. */
interface Watched {
  readonly device: GPUDevice;
  readonly queries: GPUQuerySet | undefined;
  /** Span i lies between the timestamps 2·i and 2·i + 1. */
  spans: Activity[];
}

/**
 * The GPU's own time of what is done with WebGPU: the page's prototypes are wrapped, so that every device asks for timestamps;
 * a compute pass writes one at its beginning and one at its end, data that is written or read back has an empty pass before it
 * and one behind. What is mapped when it is made is not seen. Make the clock before the device; the library stays as it is.
 */
export async function webgpuClock(): Promise<InstalledClock> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) return { unavailable: 'WebGPU has no adapter here' };
  if (!adapter.features.has(FEATURE)) return { unavailable: `the adapter lacks ${FEATURE}` };

  const { requestDevice } = GPUAdapter.prototype;
  const { createCommandEncoder } = GPUDevice.prototype;
  const { beginComputePass, copyBufferToBuffer } = GPUCommandEncoder.prototype;
  const { writeBuffer } = GPUQueue.prototype;
  const all = new Set<Watched>();
  const owners = new WeakMap<GPUDevice | GPUQueue | GPUCommandEncoder, Watched>();
  let measuring = false;

  function watch(device: GPUDevice, queries?: GPUQuerySet): Watched {
    const watched: Watched = { device, queries, spans: [] };
    all.add(watched);
    for (const owner of [device, device.queue]) owners.set(owner, watched);
    void device.lost.then(() => all.delete(watched));
    return watched;
  }

  GPUAdapter.prototype.requestDevice = async function (descriptor = {}) {
    if (!this.features.has(FEATURE)) return requestDevice.call(this, descriptor);
    const requiredFeatures = [...new Set([...(descriptor.requiredFeatures ?? []), FEATURE])] as GPUFeatureName[];
    const device = await requestDevice.call(this, { ...descriptor, requiredFeatures });
    watch(device, device.createQuerySet({ type: 'timestamp', count: 2 * MOST_SPANS }));
    return device;
  };
  GPUDevice.prototype.createCommandEncoder = function (descriptor) {
    const encoder = createCommandEncoder.call(this, descriptor);
    owners.set(encoder, owners.get(this) ?? watch(this));
    return encoder;
  };
  GPUCommandEncoder.prototype.beginComputePass = function (descriptor) {
    const timestampWrites = span(owners.get(this), 'compute');
    return beginComputePass.call(this, timestampWrites ? { ...descriptor, timestampWrites } : descriptor);
  };
  GPUCommandEncoder.prototype.copyBufferToBuffer = function (...given: unknown[]) {
    const [, destination] = given.filter((each) => each instanceof GPUBuffer);
    const copy = () => void (copyBufferToBuffer as (...given: unknown[]) => void).apply(this, given); // it is overloaded
    const writes = destination.usage & USAGE.mapRead ? span(owners.get(this), 'readBack') : undefined;
    return writes ? between(writes, copy, (stamp) => stamp(this)) : copy();
  };
  GPUQueue.prototype.writeBuffer = function (buffer, ...rest) {
    const write = () => void writeBuffer.call(this, buffer, ...rest);
    const watched = owners.get(this);
    // The arguments of a launch are part of it, and no data.
    const writes = buffer.usage & USAGE.uniform ? undefined : span(watched, 'upload');
    if (!watched || !writes) return write();
    return between(writes, write, (stamp) => {
      const encoder = createCommandEncoder.call(watched.device);
      stamp(encoder);
      this.submit([encoder.finish()]);
    });
  };

  /** The timestamps of what comes next; undefined where they cannot be written, or are not asked for. */
  function span(watched: Watched | undefined, activity: Activity): GPUComputePassTimestampWrites | undefined {
    if (!measuring || !watched) return undefined;
    const at = watched.spans.push(activity) - 1;
    if (!watched.queries || at >= MOST_SPANS) return undefined;
    return { querySet: watched.queries, beginningOfPassWriteIndex: 2 * at, endOfPassWriteIndex: 2 * at + 1 };
  }

  /** Puts work between two passes that do nothing but write timestamps. */
  function between(
    { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex }: GPUComputePassTimestampWrites,
    work: () => undefined,
    encode: (stamp: (encoder: GPUCommandEncoder) => void) => void,
  ): undefined {
    const pass = (timestampWrites: GPUComputePassTimestampWrites) => (encoder: GPUCommandEncoder) =>
      beginComputePass.call(encoder, { timestampWrites }).end();
    encode(pass({ querySet, beginningOfPassWriteIndex: beginningOfPassWriteIndex! }));
    work();
    encode(pass({ querySet, endOfPassWriteIndex: endOfPassWriteIndex! }));
  }

  return {
    source: FEATURE,
    start() {
      for (const watched of all) watched.spans = [];
      measuring = true;
    },
    async stop() {
      measuring = false;
      return timesOf((await Promise.all([...all].map(timesOn))).flat());
    },
    restore() {
      Object.assign(GPUAdapter.prototype, { requestDevice });
      Object.assign(GPUDevice.prototype, { createCommandEncoder });
      Object.assign(GPUCommandEncoder.prototype, { beginComputePass, copyBufferToBuffer });
      Object.assign(GPUQueue.prototype, { writeBuffer });
    },
  };
}

/** What a device did; waits until it is done. */
async function timesOn({ device, queries, spans }: Watched): Promise<Timed[]> {
  const count = Math.min(spans.length, MOST_SPANS);
  if (!queries || count === 0) {
    await device.queue.onSubmittedWorkDone();
    return spans.map((activity) => ({ activity, nanoseconds: null }));
  }
  const bytes = 16 * count;
  const resolved = device.createBuffer({ size: bytes, usage: USAGE.queryResolve | USAGE.copySource });
  const mapped = device.createBuffer({ size: bytes, usage: USAGE.mapRead | USAGE.copyDestination });
  try {
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(queries, 0, 2 * count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await mapped.mapAsync(MAP_MODE_READ); // which is after everything that was submitted before
    const stamps = new BigUint64Array(mapped.getMappedRange());
    return spans.map((activity, i) => {
      const elapsed = i < count ? Number(stamps[2 * i + 1] - stamps[2 * i]) : -1;
      return { activity, nanoseconds: elapsed < 0 ? null : elapsed }; // timestamps may run backwards: webgpu says so
    });
  } finally {
    resolved.destroy();
    mapped.destroy();
  }
}
