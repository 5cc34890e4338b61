import { DeviceError } from './error.ts';
import type { Resident } from './resident.ts';

/**
 * WebGL, of which GPU.js makes a context for each of its instances.
 *
 * @param contextOf the context, which is there from the first kernel on
 */
export function glResident(mode: 'webgl2' | 'headlessgl', contextOf: () => WebGLRenderingContext | null): Resident {
  function requireAlive(): void {
    if (contextOf()?.isContextLost()) throw new DeviceError(`GPU.js ${mode}: the context was lost`);
  }
  function requireSound(): void {
    requireAlive();
    const gl = contextOf();
    const code = gl?.getError() ?? 0;
    if (!gl || code === gl.NO_ERROR) return;
    const reason = code === gl.OUT_OF_MEMORY ? 'out of memory' : `error 0x${code.toString(16)}`;
    throw new DeviceError(`GPU.js ${mode}: the context reports: ${reason}`);
  }
  return {
    largest: undefined, // it is the sides that are limited
    requireRoom(rows, columns) {
      const gl = contextOf();
      if (!gl) return;
      const longest = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
      // A matrix is a texture of its sides; a single row is folded into a square.
      const side = rows > 1 ? Math.max(rows, columns) : Math.ceil(Math.sqrt(columns));
      if (side <= longest) return;
      const shape = `[${rows},${columns}]`;
      throw new DeviceError(`GPU.js ${mode}: ${shape} has a side longer than ${longest}; choose another device`);
    },
    requireAlive,
    requireSound,
    async finish() {
      contextOf()?.finish();
    },
    async close() {},
  };
}
