/** What of the file system the search needs; tests bring their own. */
export interface Files {
  exists(path: string): boolean;
  /** The names in a folder, none where there is no such folder. */
  list(folder: string): readonly string[];
}

/** How GPUs that compute show themselves in /dev, besides Direct Rendering: NVIDIA, Windows under WSL, Adreno, Mali. */
const GPU_FILES = ['nvidiactl', 'dxg', 'kgsl-3d0', 'mali0'].map((name) => `/dev/${name}`);

/** Where Vulkan's loader looks for the manifests of drivers. */
const MANIFEST_FOLDERS = ['/etc', '/usr/local/share', '/usr/share', '/usr/local/etc'].map(
  (base) => `${base}/vulkan/icd.d`,
);

/** Manifests of drivers that compute on the CPU: Mesa's lavapipe, SwiftShader. */
const SOFTWARE = /(^|\/)(lvp_icd|vk_swiftshader_icd)\b[^/]*$/;

/**
 * Why WebGPU cannot have a GPU on this Linux, as far as files tell. To ask the binding takes a second and 60 MB, and where
 * the answer is no it has written its own warnings to standard error, which nothing can turn off.
 *
 * @param environment of the process: Vulkan's loader may be told which manifests to read
 * @returns undefined where there may be one
 */
export function whyNoGpu(files: Files, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  // Screens without a processor of their own (servers, virtual machines) have a card, but no node to render with.
  const renders = files.list('/dev/dri').some((name) => name.startsWith('renderD'));
  if (!renders && !GPU_FILES.some((path) => files.exists(path))) return 'this machine shows no GPU';
  const named = environment.VK_DRIVER_FILES ?? environment.VK_ICD_FILENAMES;
  const folders = [...MANIFEST_FOLDERS, ...(environment.HOME ? [`${environment.HOME}/.local/share/vulkan/icd.d`] : [])];
  const manifests = named?.split(':') ?? folders.flatMap((folder) => files.list(folder));
  return manifests.some((manifest) => !SOFTWARE.test(manifest)) ? undefined : 'its GPU has no Vulkan driver';
}
