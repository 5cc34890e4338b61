import { expect, test } from 'vitest';
import { whyNoGpu } from '../../tensor/gpu-files.ts';

/** Files by their paths. */
const files = (...paths: string[]) => ({
  exists: (path: string) => paths.includes(path),
  list: (folder: string) =>
    paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => path.slice(folder.length + 1)),
});
const NO_GPU = 'this machine shows no GPU';
const NO_DRIVER = 'its GPU has no Vulkan driver';
const INTEL = '/usr/share/vulkan/icd.d/intel_icd.x86_64.json';
const LAVAPIPE = '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json';

test.each<[string, string[], string | undefined]>([
  ['a container', [INTEL], NO_GPU],
  ['a server whose screen has no processor', ['/dev/dri/card0', LAVAPIPE], NO_GPU],
  ['a GPU without any driver', ['/dev/dri/renderD128'], NO_DRIVER],
  ['a GPU beside which there is only software', ['/dev/dri/renderD128', LAVAPIPE], NO_DRIVER],
  ['a GPU with its driver', ['/dev/dri/renderD128', LAVAPIPE, INTEL], undefined],
  ['NVIDIA in a container', ['/dev/nvidiactl', '/etc/vulkan/icd.d/nvidia_icd.json'], undefined],
  ['a driver of the user', ['/dev/dri/renderD128', '/home/me/.local/share/vulkan/icd.d/own.json'], undefined],
])('%s', (_, paths, expected) => expect(whyNoGpu(files(...paths), { HOME: '/home/me' })).toBe(expected));

test('the environment may name other drivers', () => {
  const machine = files('/dev/dri/renderD128', INTEL);
  const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
  expect(whyNoGpu(machine, { VK_ICD_FILENAMES: swiftshader })).toBe(NO_DRIVER);
  expect(whyNoGpu(machine, { VK_ICD_FILENAMES: swiftshader, VK_DRIVER_FILES: `${swiftshader}:${INTEL}` })).toBe(
    undefined,
  );
});
