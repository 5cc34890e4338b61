import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInspect } from '../../src/cli/inspect.ts';
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
  const before = process.cpuUsage();
  const { stdout } = await qvlHere(runInspect, path);
  const { user, system } = process.cpuUsage(before);
  expect(stdout).toMatch(/: 20501 tensors, 247,874,464,512 parameters/);
  // It took twenty seconds while every layer looked through the weights of all; a second is right.
  expect((user + system) / 1e6).toBeLessThan(6);
});
