/** How a GPU that does not exist behaves. */
export interface FakeOptions {
  /** It says of itself that it computes on the CPU. */
  readonly software?: boolean;
  /** It gives an adapter and then no device, with this reason. */
  readonly refusal?: string;
  /** Bytes of its largest buffer. */
  readonly largest?: number;
  /** It returns something else than it should, and reports nothing. */
  readonly wrong?: boolean;
}

/** A device of it, and what can happen to it. */
export interface FakeDevice {
  /** Whoever waits for it is told a turn later, as WebGPU does. */
  lose(message: string): void;
  /** The next buffer is made without memory: it holds zeros for ever, and the device reports it a turn later. */
  failNextBuffer(): void;
  readonly destroyed: boolean;
}

/**
 * What GPU.js uses of WebGPU, on the host: every kernel copies its first matrix, as the engine's own `copy` does. It stands as
 * `navigator.gpu` until it is taken away.
 */
export function installFakeGpu({ software = false, refusal, largest = 2 ** 27, wrong = false }: FakeOptions = {}) {
  const devices: FakeDevice[] = [];
  const limits = {
    maxStorageBufferBindingSize: largest,
    maxBufferSize: largest,
    maxComputeWorkgroupsPerDimension: 65_535,
  };
  const requestDevice = async () => {
    if (refusal !== undefined) throw new Error(refusal);
    const { device, control } = fakeDevice(limits, wrong);
    devices.push(control);
    return device;
  };
  const adapter = { limits, info: { isFallbackAdapter: software }, requestDevice };
  const gpu = { requestAdapter: async () => adapter };
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  const remove = () => {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  };
  return { devices, remove };
}

interface FakeBuffer {
  readonly size: number;
  readonly bytes: Uint8Array;
}

function fakeDevice(limits: object, wrong: boolean) {
  const events = new EventTarget();
  let [lost, broken] = [false, false];
  let resolveLost!: (info: { reason: string; message: string }) => void;
  const whenLost = new Promise<{ reason: string; message: string }>((resolve) => {
    resolveLost = resolve;
  });
  const state = { destroyed: false };

  function createBuffer({ size }: { size: number }) {
    const failed = broken;
    broken = false;
    if (failed) {
      const event = Object.assign(new Event('uncapturederror'), { error: { message: 'Out of memory\nin a buffer' } });
      setImmediate(() => events.dispatchEvent(event));
    }
    const memory = new Uint8Array(size);
    return {
      size,
      get bytes() {
        return failed ? new Uint8Array(size) : memory;
      },
      destroy() {},
      unmap() {},
      getMappedRange: () => memory.buffer,
      async mapAsync() {
        await new Promise((resolve) => setImmediate(resolve)); // a report that came before is told before
        if (lost) throw new DOMException('Device is lost', 'AbortError');
      },
    };
  }

  function createCommandEncoder() {
    const commands: (() => void)[] = [];
    let bound: { entries: { resource: { buffer: FakeBuffer } }[] } | undefined;
    const copy = (from: FakeBuffer, to: FakeBuffer) => {
      const count = Math.min(from.size, to.size);
      to.bytes.set(from.bytes.subarray(0, count));
    };
    return {
      beginComputePass: () => ({
        setPipeline() {},
        setBindGroup(_: number, group: typeof bound) {
          bound = group;
        },
        dispatchWorkgroups() {
          const buffers = bound!.entries.map(({ resource }) => resource.buffer);
          if (!wrong) commands.push(() => copy(buffers[1], buffers.at(-1)!));
        },
        end() {},
      }),
      copyBufferToBuffer: (from: FakeBuffer, _: number, to: FakeBuffer) => commands.push(() => copy(from, to)),
      finish: () => commands,
    };
  }

  const device = {
    limits,
    lost: whenLost,
    onuncapturederror: null,
    addEventListener: events.addEventListener.bind(events),
    createBuffer,
    createCommandEncoder,
    createShaderModule: () => ({ getCompilationInfo: async () => ({ messages: [] }) }),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createComputePipeline: () => ({}),
    createBindGroup: (descriptor: object) => descriptor,
    pushErrorScope() {},
    popErrorScope: async () => null,
    destroy() {
      state.destroyed = true;
      lost = true;
      resolveLost({ reason: 'destroyed', message: '' });
    },
    queue: {
      writeBuffer(buffer: FakeBuffer, _: number, data: ArrayBuffer | Float32Array) {
        buffer.bytes.set(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer));
      },
      submit(lists: (() => void)[][]) {
        if (!lost) for (const command of lists.flat()) command();
      },
      onSubmittedWorkDone: async () => undefined,
    },
  };
  const control: FakeDevice = {
    lose(message) {
      lost = true;
      setImmediate(() => resolveLost({ reason: 'unknown', message }));
    },
    failNextBuffer() {
      broken = true;
    },
    get destroyed() {
      return state.destroyed;
    },
  };
  return { device, control };
}
