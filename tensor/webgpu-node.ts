import { DeviceError } from './error.ts';

interface Binding {
  create(options: string[]): GPU;
  readonly globals: Record<string, unknown>;
}

/**
 * Makes sure that `navigator.gpu` answers with an adapter. Browsers have it; in Node the package `webgpu` is loaded, whose
 * globals GPU.js expects but does not install.
 *
 * @param adapter whether a software adapter will do
 * @returns takes back what was installed: Node does not exit while it is there
 * @throws DeviceError saying why there is no WebGPU
 */
export async function provideWebGpu(adapter: 'any' | 'hardware'): Promise<() => void> {
  const withdraw = globalThis.navigator?.gpu ? () => undefined : await install();
  try {
    const found = await globalThis.navigator.gpu.requestAdapter();
    if (!found) throw new DeviceError('no WebGPU: no adapter answers');
    if (adapter === 'hardware' && found.info.isFallbackAdapter) {
      throw new DeviceError('no WebGPU: only a software adapter, slower than webasm');
    }
    return withdraw;
  } catch (error) {
    withdraw();
    if (error instanceof DeviceError) throw error;
    throw new DeviceError(`no WebGPU: ${firstLine(error)}`, { cause: error });
  }
}

async function install(): Promise<() => void> {
  const name = 'webgpu'; // a variable, so that a bundler for the browser leaves it alone
  let binding: Binding;
  try {
    binding = (await import(/* @vite-ignore */ name)) as Binding;
  } catch (error) {
    const library = /`(\S+)' not found/.exec(String(error))?.[1]; // how the system's loader says that it is too old
    const reason = library ? `this system lacks ${library}` : firstLine(error);
    throw new DeviceError(`no WebGPU: the package webgpu does not load, ${reason}`, { cause: error });
  }
  const globals = globalThis as Record<string, unknown>;
  const added = Object.keys(binding.globals).filter((key) => !(key in globals));
  for (const key of added) globals[key] = binding.globals[key];
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const gpu = binding.create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  return () => {
    for (const key of added) delete globals[key];
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  };
}

const firstLine = (error: unknown): string => String(error instanceof Error ? error.message : error).split('\n')[0];
