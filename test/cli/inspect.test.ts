import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAdapted } from '../../src/checkpoint/lora.ts';
import { runInspect } from '../../src/cli/inspect.ts';
import { processorTime } from '../processor-time.ts';
import { qvlHere } from '../verify/qvl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('the largest number of layers is priced in time proportional to it', async () => {
  const config = JSON.parse(await readFile('golden/published/config.json', 'utf8'));
  const path = join(folder, 'config.json');
  const layers = { num_hidden_layers: 1024, visual: { ...config.visual, layers: 1024 } };
  await writeFile(path, JSON.stringify({ ...config, ...layers }));
  let stdout = '';
  const milliseconds = await processorTime(async () => ({ stdout } = await qvlHere(runInspect, path)));
  expect(stdout).toMatch(/: 20501 tensors, 247,874,464,512 parameters/);
  // It took twenty seconds while every layer looked through the weights of all; a second is right.
  expect(milliseconds).toBeLessThan(6000);
});

test('a folder: what its weights take, what stays in memory, and what an adapter changes', async () => {
  const { stdout } = await qvlHere(runInspect, 'golden/tiny-int4', '--adapter', 'golden/tiny-lora/qlora');
  expect(stdout).toContain('4-bit weights (GPTQ, groups of 128, symmetric)\n');
  expect(stdout).toMatch(/ {2}sees pictures +4\.66 MB +4\.66 MB +9\.32 MB {2}float16 4\.66 MB\n/);
  expect(stdout).toMatch(/ {2}decoder +2\.61 MB +2\.73 MB +15\.3 MB {2}4-bit 1\.80 MB, float16 814 kB\n/);
  expect(stdout).toMatch(/ {2}LoRA factors +786 kB +918 kB {2}B with/);
  expect(stdout).toMatch(/ {2}simd +all of it stays in memory\n/);
  // ‖s·B·A‖ / ‖W‖, the product made in full.
  const checkpoint = await openAdapted('golden/tiny-int4', 'golden/tiny-lora/qlora');
  const layer = 'transformer.h.2.attn.c_proj';
  const [W, A, B] = await Promise.all(
    ['weight', 'lora_A.weight', 'lora_B.weight'].map((part) => checkpoint.load(`${layer}.${part}`)),
  );
  await checkpoint.close();
  let [change, whole] = [0, 0];
  for (let i = 0; i < W.length; i++) {
    let sum = 0;
    for (let j = 0; j < 16; j++) sum += B[Math.floor(i / 256) * 16 + j] * A[j * 256 + (i % 256)];
    change += sum ** 2;
    whole += W[i] ** 2;
  }
  expect(stdout).toContain(`  ${layer}    16  ${(100 * Math.sqrt(change / whole)).toPrecision(3)} %\n`);

  const little = await qvlHere(runInspect, '--model', 'golden/tiny-int4', '--memory', '0.005');
  expect(little.stdout).toMatch(
    /weights may take 5\.00 MB .*\n {2}simd +the decoder stays .*\n {2}elsewhere +nothing stays/,
  );
});

test('a factor that is no number is said to be none', async () => {
  const damaged = join(folder, 'damaged');
  await cp('golden/tiny-lora/qlora', damaged, { recursive: true });
  const file = join(damaged, 'adapter_model.safetensors');
  const bytes = await readFile(file);
  bytes.writeUInt16LE(0x7e00, bytes.length - 2); // NaN in float16
  await writeFile(file, bytes);
  const { stdout } = await qvlHere(runInspect, 'golden/tiny-int4', '--adapter', damaged);
  expect(
    stdout.match(/ {4}16 {2}.+/g)!.filter((line) => /none: it or the weight is no number$/.test(line)),
  ).toHaveLength(1);
  expect(stdout).not.toContain('NaN');
});

test('what is for a folder is refused without one', async () => {
  for (const option of [
    ['--adapter', 'golden/tiny-lora/qlora'],
    ['--memory', '8'],
  ]) {
    await expect(qvlHere(runInspect, ...option)).rejects.toThrow(`${option[0]}: no folder of a model is named`);
  }
});
