import { setFlagsFromString } from 'node:v8';
import { features } from '../../tensor/wasm/features.ts';

const FLAG = 'experimental-wasm-relaxed-simd';

/** Whether fused multiply-adds come with a flag only: in V8 11.3, which is Node 20. Later versions have them always. */
export const FUSED_BY_FLAG = /^11\.3\./.test(process.versions.v8);

/** What starts a process that fuses multiply-adds, if any can. */
export const FUSED_ARGUMENTS: readonly string[] = FUSED_BY_FLAG ? [`--${FLAG}`] : [];

/**
 * Runs `work` in an engine that has fused multiply-adds, or that has none, as far as it can be told. What `work` compiles stays
 * as it was compiled.
 */
export async function withFused<T>(fused: boolean, work: () => T | Promise<T>): Promise<T> {
  const before = features().relaxed;
  set(fused);
  try {
    return await work();
  } finally {
    set(before);
  }
}

function set(fused: boolean): void {
  if (FUSED_BY_FLAG) setFlagsFromString(`--${fused ? '' : 'no-'}${FLAG}`);
}
