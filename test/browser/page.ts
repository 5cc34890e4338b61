import { type DeviceName, openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';

/** Something to do in the page. */
export interface Work {
  readonly device: DeviceName;
  /** The module that does it, from the repository's root: `/test/kernels/check.ts`. The page knows none by name. */
  readonly module: string;
  /** The function that it exports, `(device, argument) => Promise<result>`. Files it reads it fetches, by the same paths. */
  readonly name: string;
  /** Like the result, what JSON can hold, and NaN and infinities. */
  readonly argument: unknown;
}

declare global {
  interface Window {
    run(work: Work): Promise<unknown>;
    closeDevices(): Promise<void>;
  }
}

/** A kernel is compiled once a device, which takes longer than to run it: one device serves everything. */
const devices = new Map<DeviceName, Promise<Device>>();

function deviceOf(name: DeviceName): Promise<Device> {
  const opened = devices.get(name) ?? openDevice(name).then(({ device }) => device);
  devices.set(name, opened);
  return opened;
}

window.run = async ({ device, module, name, argument }) => {
  try {
    const exported = await import(/* @vite-ignore */ module);
    return await exported[name](await deviceOf(device), argument);
  } catch (error) {
    throw new Error(messages(error), { cause: error }); // of an error, nothing but its message reaches the test
  }
};

window.closeDevices = async () => {
  for (const device of devices.values()) await closeDevice(await device);
  devices.clear();
};

const messages = (error: unknown): string =>
  error instanceof Error ? `${error.message}${error.cause ? `: ${messages(error.cause)}` : ''}` : String(error);
