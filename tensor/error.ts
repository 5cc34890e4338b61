/** A tensor whose shape does not fit an operation's signature. The message names the operation, the tensor and both shapes. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** A tensor used after it was freed, or after an operation consumed it. The message names the operation and the tensor. */
export class UseAfterFreeError extends Error {
  override readonly name = 'UseAfterFreeError';
}

/** A device that is missing, lost, or ran something else than it was asked to. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}
