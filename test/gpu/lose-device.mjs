// With `node --import`: the process loses its WebGPU device in the middle of a pass, as when a driver is restarted.
import { globals } from 'webgpu';

const MIDWAY = 200; // buffers

const { createBuffer } = globals.GPUDevice.prototype;
let made = 0;
globals.GPUDevice.prototype.createBuffer = function (...given) {
  if (++made === MIDWAY) this.destroy();
  return createBuffer.apply(this, given);
};
