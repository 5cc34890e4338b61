import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf } from '../../src/cli/ending.ts';
import { runProfile } from '../../src/cli/profile.ts';
import { describeMachine, machine } from '../../src/profile/machine.ts';
import { qvlHere } from '../verify/qvl.ts';
import { decodeTrace } from './trace-decoder.ts';

const PICTURE = join('golden', 'picture-book', 'pictures', 'scene-1.png');

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

/** GB/s, GFLOP/s: above whatever a launch reaches. */
const HIGH = 1e6;
const ANY_CACHE = { bytes: expect.any(Number), rate: expect.any(Number) };

/**
 * Roofs as a busy machine leaves them: they are measured once, and raise what is found. Without them all that launches reach while other
 * tests run beside the measuring would make it begin again. @returns their file
 */
async function keepHighRoofs(): Promise<string> {
  const roofs = { device: 'simd', multiplyAdd: HIGH, caches: [], memory: HIGH, launch: 1e-6, others: 1 };
  const devices = ['', ' with fused multiply-add'].map((how) => `WebAssembly SIMD${how}, 2 threads`);
  const keys = devices.map((device) => `${describeMachine(machine())}: ${device}`);
  const file = join(folder, 'qwen-vl-ts', 'roofs.json');
  await mkdir(dirname(file));
  await writeFile(file, JSON.stringify(Object.fromEntries(keys.map((key) => [key, roofs]))));
  return file;
}

test('prints where the time goes, and writes a trace, a page and the records', async () => {
  const [trace, html, json] = ['trace.json', 'page.html', 'records.json'].map((name) => join(folder, name));
  const files = ['--trace', trace, '--html', html, '--json', json];
  const device = ['--device', 'simd', '--threads', '2', '--tokens', '2'];
  const kept = await keepHighRoofs();
  const { stdout, stderr } = await qvl(PICTURE, 'What is in the picture?', ...device, ...files);
  expect(stderr.match(/roofs of this machine are measured.*/g)).toEqual([
    'roofs of this machine are measured, which takes some seconds',
  ]);
  expect(Object.values(JSON.parse(await readFile(kept, 'utf8')))).toContainEqual(
    expect.objectContaining({ memory: HIGH, others: expect.any(Number), caches: expect.arrayContaining([ANY_CACHE]) }),
  );
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
  expect(await readFile(html, 'utf8')).toContain('What is in the picture? — golden/picture-book');
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
