import type { Device } from '../../tensor/device.ts';
import type { Residence } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { loadModel, type Model } from '../model/qwen-vl.ts';

/**
 * The model of a checkpoint on a device, its weights as small as the device keeps them.
 *
 * @param resident which of them stay there
 */
export const modelOn = (device: Device, { config, lora, load }: Checkpoint, resident: Residence = 'all'): Model =>
  loadModel(device, config, (name) => load(name, device.driver.bfloat16), { resident, lora });
