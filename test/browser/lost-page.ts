import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { DeviceError } from '../../tensor/error.ts';
import { read, tensor } from '../../tensor/tensor.ts';

/** Runs in the page: takes away the context of WebGL, as a driver that is restarted does, and reads. @returns what it is told */
export async function readLost(_: Device): Promise<string> {
  const contexts: WebGL2RenderingContext[] = [];
  const { getContext } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...given: unknown[]) {
    const context = Reflect.apply(getContext, this, given);
    if (context instanceof WebGL2RenderingContext) contexts.push(context);
    return context;
  } as typeof getContext;
  const { device } = await openDevice('webgl2');
  try {
    const x = tensor(device, Float32Array.of(5, 6, 7), [1, 3]);
    if ((await read(x))[2] !== 7) return 'it does not compute';
    for (const context of contexts) context.getExtension('WEBGL_lose_context')?.loseContext();
    return `${await read(x)}`;
  } catch (error) {
    return error instanceof DeviceError ? error.message : `not typed: ${error}`;
  } finally {
    HTMLCanvasElement.prototype.getContext = getContext;
    await closeDevice(device);
  }
}
