import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf } from '../../src/cli/ending.ts';
import { runProfile } from '../../src/cli/profile.ts';
import { qvlHere } from '../verify/qvl.ts';
import { decodeTrace } from './trace-decoder.ts';

const PICTURE = join('golden', 'tiny', 'pictures', 'scene-1.png');

let folder: string;
/** With a cache of its own: roofs that are measured beside other tests are low, and must not be kept for the user. */
const qvl = (...words: string[]) =>
  promisify(execFile)(process.execPath, ['src/cli/qvl.mjs', 'profile', ...words], {
    env: { ...process.env, XDG_CACHE_HOME: folder },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-profile-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('prints where the time goes, and writes a trace, a page and the records', async () => {
  const [trace, html, json] = ['trace.json', 'page.html', 'records.json'].map((name) => join(folder, name));
  const files = ['--trace', trace, '--html', html, '--json', json];
  const { stdout } = await qvl(PICTURE, 'What is in the picture?', '--device', 'simd', '--tokens', '2', ...files);
  for (const word of [
    'image',
    'vision encoder',
    'adapter',
    'prefill',
    'decode',
    'total',
    'linear',
    'longest launches',
  ]) {
    expect(stdout).toContain(`\n${word}`);
  }
  expect(stdout).toMatch(/\d+ % of the stepwise time belongs to kernels by name/);
  expect(stdout).toContain('measured: ms');
  expect(decodeTrace(await readFile(trace, 'utf8'))).toHaveLength(3);
  expect(await readFile(html, 'utf8')).toContain('What is in the picture? — golden/tiny');
  const records = JSON.parse(await readFile(json, 'utf8'));
  expect(records).toMatchObject({ schema: 'qwen-vl-ts profile', version: 2, device: { name: 'simd' } });
  expect(records.tokens).toHaveLength(2);
  for (const launch of records.stepwise.launches) {
    expect(launch).toMatchObject({
      device: 'simd',
      ran: expect.stringContaining('WebAssembly SIMD'),
      source: 'awaited',
    });
    expect(launch.milliseconds).toBeGreaterThan(0);
    expect(launch.share).toBeGreaterThan(0);
    expect(launch.intensity).toBeCloseTo(launch.operations / launch.bytes);
  }
});

test.each([
  [['--train', PICTURE], 'it takes no picture and no question'],
  [[PICTURE, 'What?', '--batch', '2'], 'it is for --train'],
  [[PICTURE], 'a picture and a question are needed'],
  [['absent.png', 'What?'], 'no such file'],
  [[PICTURE, 'What?', '--tokens', '0'], 'expected a whole number'],
  [[PICTURE, 'What?', '--tokens', '4096'], 'and there is room for'],
])('%s ends with one line and exit code 2', async (words, reason) => {
  const failed = await qvlHere(runProfile, ...words).then(() => expect.fail('it should not'), endOf);
  expect(failed.code).toBe(2);
  expect(failed.message).toContain(reason);
});
