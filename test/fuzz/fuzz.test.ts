import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { createFuzzer } from './fuzzer.ts';
import { targets as planted } from './planted.ts';
import { randomOf } from './random.ts';
import { targets } from './targets.ts';

const fuzzer = createFuzzer(new URL('targets.ts', import.meta.url));
const faulty = createFuzzer(new URL('planted.ts', import.meta.url));
afterAll(() => Promise.all([fuzzer.close(), faulty.close()]));

describe('damaged input is read or refused', () => {
  test.each(Object.keys(targets))('%s', async (target) => {
    const { accepted, rejected, failures } = await fuzzer.run({ target, seed: 20, from: 0, to: 100 });
    expect(failures).toEqual([]);
    expect(accepted + rejected).toBe(100);
    expect(accepted).toBeGreaterThan(0); // or what is accepted was never looked at
  });
});

describe('planted faults are caught, and those after them', () => {
  test.each([
    ['type-error', /^TypeError: cannot read/],
    ['rejection', /^RangeError: out of range/],
    ['loose-rejection', /^crash: RangeError: nobody waits/],
    ['two-lines', /^Error: no line/],
    ['hang', /^hang: over 1\d{3} ms/],
    ['buffers', /^Error: memory: 300 MB/],
    ['webassembly-memory', /^Error: memory: 31[23] MB/],
    ['heap', /^crash: Error.*memory limit/],
  ])('%s', async (target, message) => {
    const seed = 3;
    const made = Array.from({ length: 20 }, (_, number) => planted[target].make(randomOf(seed, target, number)));
    const to = made.indexOf('bad') + 3;
    const inputs = made.slice(0, to);
    const bad = inputs.flatMap((input, number) => (input === 'bad' ? [number] : []));
    const { accepted, rejected, failures } = await faulty.run({ target, seed, from: 0, to });
    expect(failures.map(({ number }) => number)).toEqual(bad);
    for (const { error } of failures) expect(error).toMatch(message);
    expect(accepted).toBe(inputs.filter((input) => input === 'good').length);
    expect(rejected).toBe(inputs.filter((input) => input === 'refused').length);
    expect(bad.length).toBeGreaterThan(0);
  });

  test('again from their input alone', async () => {
    const { failures } = await faulty.run({ target: 'type-error', input: 'bad' });
    expect(failures).toHaveLength(1);
  });

  test('until it is interrupted', async () => {
    const { accepted, failures } = await fuzzer.run(
      { target: 'config', seed: 1, from: 0, to: 2 ** 20 },
      AbortSignal.timeout(200),
    );
    expect(failures).toEqual([]);
    expect(accepted).toBeLessThan(2 ** 19);
  });
});

describe('the command', () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const run = (...options: string[]) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', main, ...options]).then(
      ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
    );

  test('counts what it did', async () => {
    const { code, stdout } = await run('--target', 'config', '--count', '50', '--seed', '4');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^config +\d+ +\d+ +0 +\d+$/m);
  });

  test('refuses what it does not know', async () => {
    for (const options of [
      ['--target', 'nothing'],
      ['--case', 'nothing.bin'],
    ]) {
      const { code, stderr } = await run(...options);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^[^\n]+\n$/);
    }
  });
});
