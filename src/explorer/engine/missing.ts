import type { Context } from './service.ts';

/** What a browser lacks for a device, as it says itself. */
export type Missing = Readonly<Partial<Record<'webgpu' | 'webgl2', string>>>;

/** Looks which devices this browser has no part for, and why; asked for in the thread where they would run. */
export async function missing(_: undefined, _context: Context<never>): Promise<Missing> {
  const [webgpu, webgl2] = [await withoutWebGpu(), withoutWebGl2()];
  return { ...(webgpu && { webgpu }), ...(webgl2 && { webgl2 }) };
}

async function withoutWebGpu(): Promise<string | undefined> {
  if (!self.isSecureContext) return 'this page is not a secure one (https, or this machine)';
  if (!navigator.gpu) return 'this browser has no WebGPU (navigator.gpu is missing)';
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter ? undefined : 'this browser has WebGPU, but no graphics processor for it';
}

function withoutWebGl2(): string | undefined {
  const context = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!context) return 'this browser gives a thread no WebGL2';
  const floats = context.getExtension('EXT_color_buffer_float');
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return floats ? undefined : 'its WebGL2 cannot write float32 (EXT_color_buffer_float is missing)';
}
