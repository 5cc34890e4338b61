import { DeviceError } from './error.ts';
import type { Resident } from './resident.ts';
import { firstLine } from './text.ts';

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

/**
 * What GPU.js does not tell of its mode for Node.
 *
 * @param load the package it needs
 * @param display the X server, as the environment names it
 */
export async function whyNoHeadlessGl(
  load: () => Promise<unknown> = importGl,
  display = globalThis.process?.env.DISPLAY,
): Promise<string> {
  try {
    await load();
  } catch (error) {
    return `the optional package gl does not load, ${firstLine(error)}`;
  }
  const server = display ? `DISPLAY is ${display}` : 'DISPLAY is not set; xvfb-run starts one';
  return `there is no context; on Linux it needs an X server (${server})`;
}

const importGl = (): Promise<unknown> => {
  const name = 'gl'; // a variable, so that a bundler for the browser leaves it alone
  return import(/* @vite-ignore */ name);
};
