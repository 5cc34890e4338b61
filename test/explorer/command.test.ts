import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtPage } from '../../src/explorer/built.ts';
import { servePage } from '../../src/explorer/server.ts';

const MAIN = ['--import', 'tsx', 'src/explorer/main.ts'];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explore-'));
  await builtPage();
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the command to its end. */
function explore(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...MAIN, ...words], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('npm run explore', () => {
  test('serves at the next free port, and ends by Ctrl-C with 0', async () => {
    const taken = createServer();
    taken.on('error', () => undefined); // something else has it: as good
    taken.listen(4173, '127.0.0.1');
    const child = spawn(process.execPath, MAIN, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const [line] = await once(child.stdout, 'data');
    const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(String(line))!;
    expect(new URL(address).port).not.toBe('4173');
    expect(await (await fetch(address)).text()).toContain('<title>Qwen-VL');
    expect(Object.keys(await (await fetch(`${address}golden/files.json`)).json())).toContain('describe.safetensors');
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    taken.close();
  });

  test('builds a folder that is whole, and never another one in its place', async () => {
    const page = join(folder, 'page');
    expect(explore('build', page)).toMatchObject({ status: 0, stderr: '' });
    const files = await readdir(page, { recursive: true });
    for (const file of [
      'index.html',
      'service-worker.js',
      'model/files.json',
      'model/config.json',
      'golden/files.json',
    ])
      expect(files).toContain(file);
    expect(explore('build', page)).toMatchObject({
      status: 2,
      stderr: `explore: ${page}: it is there already; name a folder that is not there yet\n`,
    });
    expect(await readdir(folder)).toEqual(['page']); // nothing half written
  });

  test('says what is wrong in a line, with 2, and adds the stack where it is asked for', async () => {
    const { stderr, status } = explore('--model', folder);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^explore: .*config\.json.*\n$/)]);
    const debug = explore('--port', '65536', '--debug');
    expect(debug.status).toBe(2);
    expect(debug.stderr).toMatch(/InputError: --port: "65536".*\n {4}at /);
    expect(debug.stderr).toMatch(
      /explore: --port: "65536", expected a whole number below 65536; give such a number\n$/,
    );
  });

  test('comes with the goldens that are of its model alone', async () => {
    const model = join(folder, 'other');
    await mkdir(model);
    await writeFile(join(model, 'config.json'), '{}');
    const server = await servePage(await builtPage(), model, 0);
    const list = Object.keys(await (await fetch(`${server.address}golden/files.json`)).json());
    await server.close();
    expect(list).toContain('model-e.activations.safetensors');
    expect(list).not.toContain('describe.safetensors');
  });
});
