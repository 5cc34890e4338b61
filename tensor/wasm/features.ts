import { func } from './code.ts';
import { f32x4, v128 } from './instructions.ts';
import { assemble } from './module.ts';

/**
 * Whether this engine runs SIMD, and its relaxed instructions (in V8, for Node 20, behind --experimental-wasm-relaxed-simd); and whether
 * it is one of 2025 or later, whose V8 makes other code of the same loop (kernels/simd/tile.ts). Nothing says that, but Float16Array came
 * at about the same time: Node 20 and 22 have neither, Node 24 and Chromium from 135 on have both.
 */
export function features(): { readonly simd: boolean; readonly relaxed: boolean; readonly modern: boolean } {
  const probe = func('probe', {}, (code) => {
    const value = v128.load(0);
    code.run(v128.store(0, code.multiplyAdd(value, f32x4.const(2), value)));
  });
  const valid = (relaxed: boolean): boolean =>
    WebAssembly.validate(assemble({ exports: [probe], memory: { pages: 1, mostPages: 1, shared: false }, relaxed }));
  return { simd: valid(false), relaxed: valid(true), modern: 'Float16Array' in globalThis };
}
