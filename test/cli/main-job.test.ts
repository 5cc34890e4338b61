import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { answerOf } from '../answers.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
});
afterAll(() => rm(folder, { recursive: true }));

function qvl(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const command = [resolve('src/cli/qvl.mjs'), ...words];
  return new Promise((done, fail) => {
    execFile(process.execPath, command, { cwd: folder }, (error, stdout, stderr) =>
      error ? fail(error) : done({ stdout, stderr }),
    );
  });
}

describe('the main job', () => {
  test('asks, answers, draws and checks', async () => {
    const { stdout, stderr } = await qvl('--device', 'simd');
    expect(stdout).toContain(answerOf('describe'));
    expect(stdout).toContain(answerOf('locate-zh'));
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^checked: 106 taps, worst \d+\.\d\d × PyTorch's own rounding \((transformer\.[\w.]+|(decode\.\d\.)?logits)\)$/,
    );
    expect(stderr).toContain('WebAssembly SIMD');
    for (const stage of ['load weights', 'vision encoder', 'adapter', 'prefill', 'decode', 'check']) {
      expect(stderr).toMatch(new RegExp(`${stage} +\\d+\\.\\d\\d s`));
    }
    const drawn = await readPicture(join(folder, 'out', 'scene-2-boxes.png'));
    const original = await readPicture('golden/picture-book/pictures/scene-2.png');
    expect([drawn.width, drawn.height]).toEqual([original.width, original.height]);
    expect(drawn.data).not.toEqual(original.data);
  });

  test.each([
    ['number', 'scene-6.png', 'What number is it?'],
    ['describe-zh', 'scene-5.webp', '图中有什么?'],
    ['single', 'scene-3.jpg', 'What is in the picture?'],
  ])('qvl ask: %s, %s', async (name, picture, question) => {
    const { stdout } = await qvl(
      'ask',
      resolve('golden/picture-book/pictures', picture),
      question,
      '--boxes',
      'boxes.png',
    );
    expect(stdout).toBe(`${answerOf(name)}\n`);
  });

  test('qvl inspect prices the published model without its weights', async () => {
    const { stdout } = await qvl('inspect');
    expect(stdout).toContain('853 tensors, 9,656,935,168 parameters');
    expect(stdout).toMatch(/vision encoder +1,842,770,688 +\d+\.\d+ TFLOP/);
    expect(stdout).toMatch(/adapter +92,839,936/);
    expect(stdout).toMatch(/7,721,324,544/);
  });

  test('qvl help names every command', async () => {
    const { stdout } = await qvl('help');
    for (const command of ['ask', 'inspect', 'help']) expect(stdout).toContain(`qvl ${command}`);
  });
});
