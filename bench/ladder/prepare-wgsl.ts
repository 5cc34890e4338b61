import type { PreparedOnGpu } from './gpu-rung.ts';
import type { Problem } from './rung.ts';

/** The numbers of GPUBufferUsage and GPUMapMode, which TypeScript does not know as values (webgpu, sections 5.1.1 and 5.2). */
const USAGE = { mapRead: 1, copySource: 4, copyDestination: 8, uniform: 0x40, storage: 0x80 } as const;
const MAP_MODE_READ = 1;

/** A compute shader with the bindings x, w, y and the sizes M, K, N; a workgroup makes `tile` × `tile` results. */
export async function prepareWgsl(text: string, tile: number, { M, K, N, x, w }: Problem): Promise<PreparedOnGpu> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('WebGPU has no adapter here');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  const buffer = (size: number, usage: number) => device.createBuffer({ size, usage });
  const filled = (data: Float32Array | Uint32Array, usage: number) => {
    const made = buffer(data.byteLength, usage | USAGE.copyDestination);
    device.queue.writeBuffer(made, 0, data as Float32Array<ArrayBuffer>);
    return made;
  };
  const bytes = 4 * M * N;
  const y = buffer(bytes, USAGE.storage | USAGE.copySource);
  const read = buffer(bytes, USAGE.mapRead | USAGE.copyDestination);
  const buffers = [
    filled(x, USAGE.storage),
    filled(w, USAGE.storage),
    y,
    filled(Uint32Array.of(M, K, N, 0), USAGE.uniform),
  ];
  const module = device.createShaderModule({ code: text });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const entries = buffers.map((each, binding) => ({ binding, resource: { buffer: each } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  let result = new Float32Array();
  const run = async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(Math.ceil(N / tile), Math.ceil(M / tile));
    pass.end();
    encoder.copyBufferToBuffer(y, 0, read, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(MAP_MODE_READ);
    result = new Float32Array(read.getMappedRange().slice(0));
    read.unmap();
  };
  return { run, result: async () => result, shader: { language: 'wgsl', text }, close: () => device.destroy() };
}
