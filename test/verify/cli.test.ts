import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCompare } from '../../src/cli/compare.ts';
import { runExplain } from '../../src/cli/explain.ts';
import { runTrace } from '../../src/cli/trace.ts';
import { runVerify } from '../../src/cli/verify.ts';
import { InputError } from '../../src/error.ts';
import { golden, qvl, qvlHere } from './qvl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-verify-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** model-e, with one weight or one activation of the copy changed. */
async function changed(file: 'weights' | 'activations', name: string): Promise<string> {
  const base = join(folder, `changed-${file}`);
  for (const part of ['config.json', 'weights.safetensors', 'activations.safetensors', 'activations.f64.safetensors']) {
    await copyFile(golden(`quirks/model-e.${part}`), `${base}.${part}`);
  }
  const path = `${base}.${file}.safetensors`;
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const at = 8 + length + header[name].data_offsets[0];
  bytes.writeFloatLE(bytes.readFloatLE(at) + 0.1, at);
  await writeFile(path, bytes);
  return base;
}

describe('qvl verify', () => {
  test('a golden with a name that would command a terminal: in one line, and its report can be judged', async () => {
    const base = join(folder, 'x\x1b[31m\nx\u202ey');
    for (const ending of ['activations.safetensors', 'config.json', 'weights.safetensors']) {
      await copyFile(golden(`quirks/model-e.${ending}`), `${base}.${ending}`);
    }
    const json = join(folder, 'named.json');
    const words = [base, '--device', 'cpu', '--mode', 'free', '--tap', 'lm_head*', '--json', json];
    const { stdout, stderr } = await qvlHere(runVerify, ...words);
    expect(stdout).toMatch(/✓ x \[31m x y × cpu: \d free/);
    expect(stderr).toMatch(/^ {2}x\\u001b\[31m\\u000ax\\u202ey × cpu .+\n$/);
    expect((await qvlHere(runVerify, '--judge', json)).stdout).toBe(stdout);
  });

  test('0: passes, says what ran, and writes reports that can be judged again', async () => {
    const { code, stdout, stderr } = await qvl(
      folder,
      'verify',
      golden('quirks/model-e'),
      '--device',
      'cpu,webasm',
      '--json',
      'out/r.json',
      '--html',
      'out/r.html',
    );
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/model-e × cpu +\d+\.\d s {2}GPU\.js cpu, peak \d+\.\d GB\n/),
    ]);
    expect(stdout).toMatch(
      /✓ model-e × cpu: 58 taps free, at most 0\.00\d × PyTorch's own rounding \(.+\); 50 forced, at most \d+ % .+; 54 fused, at most \d+ %/,
    );
    expect(stdout).toMatch(/✓ model-e × webasm: 58 taps free/);
    expect(await readFile(join(folder, 'out/r.html'), 'utf8')).toContain('2 of 2 runs pass.');

    const again = await qvlHere(runVerify, '--judge', join(folder, 'out/r.json'));
    expect([again.code, again.stdout]).toEqual([0, stdout]);
    await writeFile(join(folder, 'strict.json'), '{"devices": {"cpu": {"random": 1e-6, "trained": 1e-6}}}');
    const strict = await qvlHere(
      runVerify,
      '--judge',
      join(folder, 'out/r.json'),
      '--tolerances',
      join(folder, 'strict.json'),
    );
    expect(strict.code).toBe(1);
    expect(strict.stdout).toMatch(
      /✗ model-e × cpu: over budget \d+ of 58 taps free.+enters at transformer\.visual\.ln_pre/,
    );
    expect(strict.stdout).toContain('✓ model-e × webasm');
  });

  test('0: a golden of a checkpoint, some taps only', async () => {
    const words = [
      golden('tiny/activations/locate-zh'),
      '--device',
      'webasm',
      '--tap',
      'transformer.h.?',
      '--mode',
      'forced',
    ];
    const { code, stdout } = await qvlHere(runVerify, ...words);
    expect([code, stdout]).toEqual([0, expect.stringContaining('✓ locate-zh × webasm: 4 forced')]);
  });

  test('0: taps that only running free has', async () => {
    const { code, stdout } = await qvlHere(
      runVerify,
      golden('quirks/model-e'),
      '--device',
      'webasm',
      '--tap',
      'decode.?.logits',
    );
    expect([code, stdout]).toEqual([0, expect.stringContaining('✓ model-e × webasm: 8 free')]);
    expect(stdout).not.toContain('forced');
  });

  test('1: a wrong weight; the layer and its operation are named', async () => {
    const { code, stdout } = await qvl(
      folder,
      'verify',
      await changed('weights', 'transformer.h.1.mlp.w2.weight'),
      '--device',
      'webasm',
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /✗ changed-weights × webasm: .+; enters at transformer\.h\.1\.mlp\.w2, after transformer\.h\.1\.mlp\.w1: linear/,
    );
    expect(stdout).toMatch(/forced: NMSE .+ at token \d+, channel 0: \S+, the original has/);
    expect(stdout).toMatch(/✓ vision encoder/);
  });

  test('1: one wrong element of a golden is found and its place is said', async () => {
    const { code, stdout } = await qvlHere(
      runVerify,
      await changed('activations', 'transformer.visual.attn_pool.ln_kv'),
      '--device',
      'webasm',
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ ln_kv .+\n +free: .+ at image 0, patch row 0 column 0, channel 0: /);
  });

  test('2: bad input ends with one line', async () => {
    const { code, stdout, stderr } = await qvl(folder, 'verify', 'nowhere');
    expect(stderr).toMatch(/^\S*qvl:\S* nowhere: there is no golden; .+\n$/);
    expect([code, stdout]).toEqual([2, '']);
  });

  test.each([
    ['a folder without goldens', runVerify, ['src', '--device', 'cpu'], /src: there is no golden/],
    [
      'no such device',
      runVerify,
      ['--device', 'cpu,abacus'],
      /"abacus", expected some of auto,simd,cpu,.*cpu-bfloat16/,
    ],
    ['a device that computes nothing', runVerify, ['--device', 'null'], /"null", expected/],
    ['no such mode', runVerify, ['--mode', 'loose'], /"loose", expected free or forced or fused/],
    ['a report that is none', runVerify, ['--judge', 'package.json'], /package\.json\.schema/],
    [
      'a tap that no golden has',
      runVerify,
      [golden('quirks/model-e'), '--tap', 'nothing', '--device', 'cpu'],
      /called "nothing"/,
    ],
    ['a file and goldens', runVerify, ['x', '--judge', 'y'], /1 goldens too/],
    ['one trace', runCompare, ['x'], /1 files, expected two/],
    ['a trace that is none', runCompare, ['package.json', 'package.json'], /package\.json: it is a text of JSON/],
    ['a trace without a place', runTrace, [golden('quirks/model-e')], /-o FILE/],
    ['several goldens to trace', runTrace, [golden('quirks'), '-o', 'x', '--device', 'cpu'], /3 goldens, expected one/],
    ['no such tap', runExplain, ['attn.scoers'], /no tap is called "attn\.scoers"/],
  ])('bad input: %s', async (_, command, words, says) => {
    const running = qvlHere(command, ...words);
    await expect(running).rejects.toThrow(InputError);
    await expect(running).rejects.toThrow(says);
  });

  test('3: a device that is not there, when it was asked for', async () => {
    const { code, stdout } = await qvl(
      folder,
      'verify',
      golden('quirks/model-e'),
      '--device',
      'webgl2,webasm',
      '--tap',
      'logits',
    );
    expect(code).toBe(3);
    expect(stdout).toMatch(/✗ model-e × webgl2: unavailable: GPU\.js webgl2: not available/);
    expect(stdout).toContain('✓ model-e × webasm');
  });
});
