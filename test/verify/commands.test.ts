import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { runCompare } from '../../src/cli/compare.ts';
import { runExplain } from '../../src/cli/explain.ts';
import { runInspect } from '../../src/cli/inspect.ts';
import { SHIPPED_GOLDENS } from '../../src/cli/options.ts';
import { runTrace } from '../../src/cli/trace.ts';
import { runVerify } from '../../src/cli/verify.ts';
import { InputError } from '../../src/error.ts';
import { goldensAt } from '../../src/verify/open.ts';
import { golden, qvlHere } from './qvl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('qvl trace and compare: pictures and a question give the golden’s activations', async () => {
  const picture = golden('tiny/pictures/scene-1.png');
  const traced = await qvlHere(
    runTrace,
    picture,
    'What is in the picture?',
    '--model',
    golden('tiny'),
    '-o',
    join(folder, 'q.safetensors'),
    '--device',
    'webasm',
    '--tap',
    'transformer.h.*',
    '--tap',
    'logits',
  );
  expect([traced.code, traced.stdout]).toEqual([0, '']);
  const { code, stdout, stderr } = await qvlHere(
    runCompare,
    join(folder, 'q.safetensors'),
    golden('tiny/activations/describe.safetensors'),
    '--tap',
    'transformer.h.*',
    '--tap',
    'logits',
  );
  expect(stdout).toMatch(/✓ describe\.safetensors × webasm: 45 free/);
  expect(stderr).toMatch(
    /only in the first: "transformer\.h\.0\.attn\.q_rotated", "transformer\.h\.0\.attn\.k_rotated"/,
  );
  expect(code).toBe(0);
  const missing = await qvlHere(
    runCompare,
    join(folder, 'q.safetensors'),
    golden('tiny/activations/describe.safetensors'),
  );
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/55 only in the second/)]);
});

test('qvl compare: what is NaN in both traces is no pass; how many and where is said', async () => {
  const [a, b] = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`));
  const data = Float32Array.of(1, Number.NaN, 3, Number.NaN, 5, 6);
  const bytes = writeSafetensors(new Map([['transformer.h.0.mlp', { dtype: 'float32', shape: [1, 3, 2], data }]]), {});
  for (const path of [a, b]) await writeFile(path, bytes);
  const { code, stdout } = await qvlHere(runCompare, a, b);
  expect(code).toBe(1);
  expect(stdout).toMatch(/at token 0, channel 1: NaN, the original has NaN\n/);
  expect(stdout).toMatch(/free: 2 NaN, 0 infinite; the original has 2 NaN, 0 infinite\n/);
});

test.each([
  ['a golden', [golden('quirks/model-e')]],
  ['a question', [golden('tiny/pictures/scene-1.png'), 'What?']],
])('qvl trace of %s: no activation is called so, and the file that is there stays', async (_, words) => {
  const path = join(folder, 'kept.safetensors');
  await writeFile(path, 'kept');
  for (const taps of [['nothing*'], ['logits', 'nothing*']]) {
    const options = taps.flatMap((tap) => ['--tap', tap]);
    const tracing = qvlHere(runTrace, ...words, '-o', path, '--device', 'simd', ...options);
    await expect(tracing).rejects.toThrow(InputError);
    await expect(tracing).rejects.toThrow('no activation is called "nothing*"; see');
  }
  expect(await readFile(path, 'utf8')).toBe('kept');
});

test('a misspelt --tap beside a right one is not left out in silence', async () => {
  const words = [golden('quirks/model-e'), '--device', 'simd', '--tap', 'transformer.h.0', '--tap', 'transfromer.h.1'];
  await expect(qvlHere(runVerify, ...words)).rejects.toThrow('no activation is called "transfromer.h.1"');
  const trace = golden('quirks/model-e.activations.safetensors');
  const comparing = qvlHere(runCompare, trace, trace, '--tap', 'logits', '--tap', 'logit');
  await expect(comparing).rejects.toThrow('no activation is called "logit"');
});

test('goldens of one name are told apart by their folders, or numbers', async () => {
  const words = ['', 'act-order', 'activations/describe'].map((path) => golden(join('tiny-int4', path)));
  const { stdout } = await qvlHere(runVerify, ...words, '--device', 'simd', '--mode', 'free', '--tap', '*.ln_f');
  const names = [...stdout.matchAll(/^✓ (.+) × simd: 1 taps free/gm)].map(([, name]) => name);
  expect(names).toEqual(['describe', 'act-order describe', 'tiny-int4 describe']);
});

test('qvl verify alone: every golden of activations that comes along, with the model and the adapter that it is of', async () => {
  const found = new Map<string, number>();
  for (const { path, model, adapter } of SHIPPED_GOLDENS) {
    for (const each of await goldensAt(path, { model, adapter })) {
      const opened = await each.open();
      found.set(opened.golden.provenance.sha256!, opened.checkpoint.lora?.size ?? 0);
      await opened.close();
    }
  }
  const files = (await readdir(golden('.'), { recursive: true })).filter((file) =>
    /activations(\/[\w-]+)?\.safetensors$/.test(file),
  );
  const hashes = files.map(async (file) =>
    createHash('sha256')
      .update(await readFile(golden(file)))
      .digest('hex'),
  );
  expect(new Set(found.keys())).toEqual(new Set(await Promise.all(hashes)));
  expect([...found.values()].filter((factors) => factors > 0)).toEqual([32, 56, 32]);
  // They have models of their own: another would be ignored.
  for (const option of ['--model', '--adapter']) {
    await expect(qvlHere(runVerify, option, golden('tiny'))).rejects.toThrow(`${option}: no golden is named`);
  }
});

test('qvl explain: what a gradient is, what makes it on the way back, and its error', async () => {
  const { code, stdout } = await qvlHere(runExplain, 'transformer.h.1.attn.c_attn.grad');
  expect(code).toBe(0);
  for (const part of [
    'each element of the activation transformer.h.1.attn.c_attn',
    'src/model/decoder.ts:',
    "tap('attn.c_attn', dense(",
    'kernels/',
    'q_rotated.grad: attentionKeys, divide, rotary',
    'ran on    GPU.js cpu, golden grad-e',
  ]) {
    expect(stdout).toContain(part);
  }
  expect(stdout).toMatch(/free +NMSE \S+ to float64, \d\S* % of what is allowed; PyTorch's own float32/);
  const weight = await qvlHere(runExplain, 'transformer.h.3.ln_1.weight.grad', '--model', golden('tiny'));
  expect(weight.stdout).toMatch(/each element of the weight transformer\.h\.3\.ln_1\.weight\n.+\[256\]/);
  expect(weight.stdout).toContain('rmsNormWeightGradient, kernels/rms-norm.ts:');
  await expect(qvlHere(runExplain, 'transformer.h.9.attn.grad')).rejects.toThrow('no gradient is called');
});

test('qvl explain: the operation, its sources, cost and error', async () => {
  const { code, stdout } = await qvlHere(
    runExplain,
    'transformer.h.1.attn.attn_dropout',
    '--golden',
    golden('quirks/model-e'),
  );
  expect(code).toBe(0);
  for (const part of [
    '[1, 2, 60, 60]',
    'src/model/attention.ts:',
    'tap(probabilities, softmax(scores, span))',
    'kernels/softmax.ts:',
    '-> y[',
    'transformer.h.1.attn.scores: softmax',
    'FLOP',
    'ran on    GPU.js cpu',
  ]) {
    expect(stdout).toContain(part);
  }
  expect(stdout).toMatch(/free +NMSE \S+ to float32/);
  expect(stdout).toMatch(/forced +NMSE \S+ to float32/);
});

test('qvl inspect --taps: every activation of the published model', async () => {
  const { code, stdout } = await qvlHere(runInspect, '--taps');
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^transformer\.visual\.conv1 +\[1, 1664, 32, 32\] +linear$/);
  expect(stdout).toMatch(/transformer\.h\.31\.attn\.attn_dropout +\[1, 32, 282, 282\] +softmax/);
  expect(lines).toHaveLength(1176);
});
