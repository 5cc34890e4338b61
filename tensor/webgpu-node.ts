import { DeviceError } from './error.ts';
import { whyNoGpu } from './gpu-files.ts';
import { builtin, inNode } from './node.ts';
import { firstLine } from './text.ts';

interface Binding {
  create(options: string[]): GPU;
  readonly globals: Record<string, unknown>;
}

/**
 * Makes sure that `navigator.gpu` answers with an adapter. Browsers have it; in Node the package `webgpu` is loaded, whose
 * globals GPU.js expects but does not install.
 *
 * @param adapter whether a software adapter will do
 * @returns takes back what was installed, once no other device uses it; call it once
 * @throws DeviceError saying why there is no WebGPU
 */
export async function provideWebGpu(adapter: 'any' | 'hardware'): Promise<() => void> {
  if (!inNode && !globalThis.navigator?.gpu) throw new DeviceError('no WebGPU: this browser does not offer it here');
  if (adapter === 'hardware' && !globalThis.navigator?.gpu) requireGpu();
  const withdraw = installed || !globalThis.navigator?.gpu ? await share() : () => undefined;
  try {
    const found = await globalThis.navigator.gpu.requestAdapter();
    if (!found) throw new DeviceError('no WebGPU: no adapter answers');
    if (adapter === 'hardware' && isSoftware(found)) {
      throw new DeviceError('no WebGPU: only a software adapter, slower than simd');
    }
    return withdraw;
  } catch (error) {
    withdraw();
    if (error instanceof DeviceError) throw error;
    throw new DeviceError(`no WebGPU: ${firstLine(error)}`, { cause: error });
  }
}

/** Engines before 2025 say it of the adapter, not in its information. */
const isSoftware = (adapter: GPUAdapter & { readonly isFallbackAdapter?: boolean }): boolean =>
  adapter.info.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;

/** @throws DeviceError where the binding need not be asked */
function requireGpu(): void {
  const fs = builtin('node:fs');
  if (!fs || process.platform !== 'linux') return;
  const files = {
    exists: fs.existsSync,
    list: (folder: string) => (fs.existsSync(folder) ? fs.readdirSync(folder) : []),
  };
  const reason = whyNoGpu(files, process.env);
  if (reason) throw new DeviceError(`no WebGPU: ${reason}`);
}

/** What was installed, and how many use it. */
let installed: { users: number; readonly undo: Promise<() => void> } | undefined;

async function share(): Promise<() => void> {
  installed ??= { users: 0, undo: install() };
  const shared = installed;
  shared.users++;
  const leave = (undo?: () => void) => {
    if (--shared.users > 0) return;
    installed = undefined;
    undo?.();
  };
  try {
    const undo = await shared.undo;
    return () => leave(undo);
  } catch (error) {
    leave();
    throw error;
  }
}

/** Timestamps are rounded to 65.5 µs otherwise, so that a page learns nothing of others by them: longer than most of a model's kernels take. */
const EXACT_TIMES = 'disable-dawn-features=timestamp_quantization';

/** Kept for good: the binding goes on asking it for events, and hangs where it was collected in the meantime. */
let made: GPU | undefined;

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
  made ??= binding.create([EXACT_TIMES]);
  const { navigator } = globalThis; // Node has one from 21 on: only its `gpu` is ours
  const [owner, key, value] = navigator ? [navigator, 'gpu', made] : [globalThis, 'navigator', { gpu: made }];
  Object.defineProperty(owner, key, { value, configurable: true });
  return () => {
    for (const key of added) delete globals[key];
    Reflect.deleteProperty(owner, key);
  };
}
