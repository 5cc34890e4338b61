import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const QVL = resolve('src/cli/qvl.mjs');
const SCENE = resolve('golden/picture-book/pictures/scene-2.png');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-listeners-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A pipeline of bash; `qvl` is the command, and `code` at its end what it ended with. */
const pipeline = (words: string): Promise<{ stdout: string; stderr: string }> =>
  new Promise((done) => {
    const script = `qvl() { "$NODE" "$QVL" "$@"; }; ${words}; echo "code \${PIPESTATUS[0]}"`;
    const env = { ...process.env, NODE: process.execPath, QVL };
    execFile('bash', ['-c', script], { cwd: folder, env }, (_error, stdout, stderr) => done({ stdout, stderr }));
  });

/** A golden whose model is not the one that it was made with. */
async function wrongGolden(): Promise<void> {
  for (const ending of ['activations.safetensors', 'config.json', 'weights.safetensors']) {
    await copyFile(`golden/quirks/model-e.${ending}`, join(folder, `model-e.${ending}`));
  }
  const path = join(folder, 'model-e.weights.safetensors');
  const bytes = await readFile(path);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString());
  const [start, end] = header['transformer.h.0.attn.c_proj.weight'].data_offsets;
  const data = 8 + Number(bytes.readBigUInt64LE());
  const values = bytes.subarray(data + start, data + end);
  for (let at = 0; at < values.length; at += 4) values.writeFloatLE(2 * values.readFloatLE(at), at);
  await writeFile(path, bytes);
}

test('a reader that leaves changes neither the verdict nor what is written', async () => {
  await wrongGolden();
  const verify = 'qvl verify model-e --device cpu --mode free --json';
  const { stdout } = await pipeline(`${verify} report.json 2>/dev/null | head -1`);
  expect(stdout).toMatch(/^model-e × cpu .*\ncode 1\n$/);
  const { runs } = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'));
  expect(runs).toHaveLength(1);

  // Standard output and pipes are files too: after what is printed, and never in its place.
  const judge = 'qvl verify --judge report.json --json /dev/stdout';
  const piped = await pipeline(`${judge} --html >(cat > page.html) | cat`);
  const filed = await pipeline(`${judge} > out.txt`);
  for (const text of [piped.stdout, await readFile(join(folder, 'out.txt'), 'utf8')]) {
    expect(text).toMatch(/^model-e × cpu /);
    const json = text.split('\n').find((line) => line.startsWith('{'));
    expect(json).toBe((await readFile(join(folder, 'report.json'), 'utf8')).trimEnd());
  }
  expect([piped.stdout, filed.stdout]).toEqual([expect.stringMatching(/\ncode 1\n$/), 'code 1\n']);
  expect(await readFile(join(folder, 'page.html'), 'utf8')).toContain('</html>');
});

test('nobody listens at all: boxes are drawn all the same, those that were not asked for where they can be', async () => {
  const ask = `qvl ask ${SCENE} 框出图中苹果的位置 --device simd`;
  expect((await pipeline(`${ask} --boxes boxes.svg 2>&1 | true`)).stdout).toBe('code 0\n');
  expect(await readFile(join(folder, 'boxes.svg'), 'utf8')).toContain('<svg');
  await writeFile(join(folder, 'out'), 'no folder');
  const { stdout, stderr } = await pipeline(ask);
  expect(stdout).toMatch(/^<ref>苹果<\/ref><box>.+<\/box>\ncode 0\n$/);
  expect(stderr).toMatch(/\nqvl: out\/scene-2-boxes\.png: "\S+out" is no folder; choose another file with --boxes\n$/);
});

test.runIf(existsSync('/dev/full'))('a full disk behind standard output is said in one line, once', async () => {
  const { stdout, stderr } = await pipeline('qvl inspect > /dev/full');
  expect([stdout, stderr]).toEqual([
    'code 2\n',
    'qvl: standard output: it cannot be written (ENOSPC); free some space, or send it elsewhere\n',
  ]);
});

test('Ctrl-C in the middle of a check is no verdict, and leaves no file', async () => {
  const before = await readdir(folder);
  const goldens = ['golden/quirks/model-e', 'golden/tiny'].map((path) => resolve(path));
  const words = ['verify', ...goldens, '--device', 'cpu', '--json', 'never.json'];
  const child = spawn(process.execPath, [QVL, ...words], { cwd: folder });
  const ended = new Promise((done) => child.on('close', done));
  let printed = '';
  child.stdout.on('data', (text) => {
    printed += text;
  });
  await new Promise((done) => child.stderr.once('data', done)); // the first golden is done
  child.kill('SIGINT');
  expect([await ended, printed]).toEqual([130, '']);
  expect(await readdir(folder)).toEqual(before);
});
