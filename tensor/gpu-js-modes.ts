/** The modes of GPU.js that are devices. */
export const GPU_JS_MODES = ['cpu', 'webasm', 'webgl2', 'webgpu', 'headlessgl'] as const;
export type GpuJsMode = (typeof GPU_JS_MODES)[number];
