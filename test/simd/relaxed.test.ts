import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Node's flag, where Node still has one: newer versions run relaxed SIMD without. */
const FLAG = '--experimental-wasm-relaxed-simd';

function run(flags: readonly string[]) {
  const script = fileURLToPath(new URL('relaxed.ts', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [...flags, '--import', 'tsx', script], { encoding: 'utf8' }));
}

const [major] = process.versions.node.split('.').map(Number);

test.skipIf(major !== 20)('without relaxed SIMD a multiply-add is a product and a sum', () => {
  const found = run([]);
  expect(found).toEqual({ relaxed: false, multiplyAdd: 0, worst: expect.any(Number), split: false });
  expect(found.worst).toBeLessThanOrEqual(1);
});

test('with relaxed SIMD kernels use it, and are as right and as indifferent to splits', () => {
  const found = run(major === 20 ? [FLAG] : []);
  expect(found).toEqual({ relaxed: true, multiplyAdd: expect.any(Number), worst: expect.any(Number), split: false });
  expect([0, 2 ** -40]).toContain(found.multiplyAdd); // rounded twice or once, as the machine likes
  expect(found.worst).toBeLessThanOrEqual(1);
});
