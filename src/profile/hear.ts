import type { Device } from '../../tensor/device.ts';

type Heard = Pick<Device, 'onLaunch' | 'onTransfer'>;

/**
 * Hears what a device does, instead of the listener before.
 *
 * @returns gives it back, in any order in which several listeners stop
 */
export function hear(device: Device, { onLaunch, onTransfer }: Partial<Heard>): () => void {
  const before: Heard = { onLaunch: device.onLaunch, onTransfer: device.onTransfer };
  let over = false;
  // A later listener may give it back to one that has stopped meanwhile: that one passes it on.
  const mine: Heard = {
    onLaunch: onLaunch && ((...given) => (over ? before.onLaunch : onLaunch)?.(...given)),
    onTransfer: onTransfer && ((...given) => (over ? before.onTransfer : onTransfer)?.(...given)),
  };
  if (onLaunch) device.onLaunch = mine.onLaunch;
  if (onTransfer) device.onTransfer = mine.onTransfer;
  return () => {
    over = true;
    if (onLaunch && device.onLaunch === mine.onLaunch) device.onLaunch = before.onLaunch;
    if (onTransfer && device.onTransfer === mine.onTransfer) device.onTransfer = before.onTransfer;
  };
}
