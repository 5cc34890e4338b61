/**
 * What relaxed.test.ts runs in an engine of its own. Prints, as JSON, whether the engine has relaxed SIMD, what it makes of a
 * multiply-add that shows whether it was fused, and how far a product is from its equation, in the unit of its tolerance; and
 * whether its bytes depend on how it was split.
 */
import { product } from '../../kernels/simd/product.ts';
import { func } from '../../tensor/wasm/code.ts';
import { features } from '../../tensor/wasm/features.ts';
import { f32x4, v128 } from '../../tensor/wasm/instructions.ts';
import { assemble } from '../../tensor/wasm/module.ts';
import { draw } from '../kernels/case.ts';
import { guarded } from './guarded.ts';
import { packed } from './packed.ts';

const { relaxed } = features();

/** (1 + ε)² − 1 − 2ε is ε² when it is rounded once, and 0 when the product is rounded before. */
function multiplyAdd(epsilon: number): number {
  const main = func('main', {}, (code) => {
    const [a, c] = [f32x4.const(1 + epsilon), f32x4.const(-1 - 2 * epsilon)];
    code.run(v128.store(0, code.multiplyAdd(a, a, c)));
  });
  const limits = { pages: 1, mostPages: 1, shared: false };
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const module = new WebAssembly.Module(assemble({ exports: [main], memory: limits, relaxed }));
  const { exports } = new WebAssembly.Instance(module, { environment: { memory } });
  (exports.main as () => void)();
  return new Float32Array(memory.buffer)[0];
}

function worst([M, N, K]: readonly [number, number, number]): { worst: number; split: boolean } {
  const memory = guarded({ relaxed });
  const [x, weights] = [draw(1).floats([M, K]), draw(2).floats([N, K])];
  const panels = Math.ceil(N / 8);
  const [y, parts] = [4 * M * N, 4 * M * N].map(memory.allocate);
  const given = {
    x: memory.put(x.data),
    w: packed(memory, 'float32', weights.data as Float32Array, N, K),
    scratch: 0,
    bias: 0,
    residual: 0,
    N,
    K,
    activation: 0,
    unitPanels: panels,
  };
  memory.run(product.float32, { ...given, y, M, unitRows: M, start: 0, end: 1 });
  for (let row = 0; row < M; row++) {
    memory.run(product.float32, { ...given, y: parts, M, unitRows: 1, start: row, end: row + 1 });
  }
  let largest = 0;
  for (const [i, found] of memory.floats(y, M * N).entries()) {
    let [sum, scale] = [0, 0];
    for (let k = 0; k < K; k++) {
      const term = x.at(Math.floor(i / N), k) * weights.at(i % N, k);
      sum += term;
      scale += Math.abs(term);
    }
    largest = Math.max(largest, Math.abs(found - sum) / (8 * 2 ** -24 * scale));
  }
  const split = Buffer.compare(memory.bytes(y, 4 * M * N), memory.bytes(parts, 4 * M * N)) !== 0;
  memory.clear();
  return { worst: largest, split };
}

console.log(JSON.stringify({ relaxed, multiplyAdd: multiplyAdd(2 ** -20), ...worst([7, 21, 300]) }));
