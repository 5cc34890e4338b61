import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCompare } from '../../src/cli/compare.ts';
import { runExplain } from '../../src/cli/explain.ts';
import { runInspect } from '../../src/cli/inspect.ts';
import { runTrace } from '../../src/cli/trace.ts';
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
