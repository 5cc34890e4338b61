import { DeviceError } from '../../tensor/error.ts';
import { provideWebGpu } from '../../tensor/webgpu-node.ts';
import type { DeviceName } from '../open-device.ts';
import type { InstalledClock } from './device-times.ts';
import { webglClock } from './webgl-clock.ts';
import { webgpuClock } from './webgpu-clock.ts';

/**
 * The clock of a device. Install it before the device is opened, and take it off before the device is closed.
 *
 * @param device `webgpu` or `webgl2`, or `auto`, which may become `webgpu`: ask the device that was opened for its name; the
 * others have no clock but the host's
 */
export async function clockFor(device: DeviceName): Promise<InstalledClock> {
  if (device === 'webgpu') return webGpuClockHere('any');
  if (device === 'auto') return webGpuClockHere('hardware');
  if (device === 'webgl2') return webglClock();
  return { unavailable: `${device} has no clock of its own` };
}

/** In Node there is no WebGPU until a device provides it (`provideWebGpu`). */
async function webGpuClockHere(adapter: 'any' | 'hardware'): Promise<InstalledClock> {
  let withdraw: () => void;
  try {
    withdraw = await provideWebGpu(adapter);
  } catch (error) {
    if (error instanceof DeviceError) return { unavailable: error.message };
    throw error;
  }
  const clock = await webgpuClock();
  if ('unavailable' in clock) {
    withdraw();
    return clock;
  }
  const restore = () => {
    clock.restore();
    withdraw();
  };
  return { ...clock, restore };
}
