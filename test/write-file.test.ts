import { execFileSync, spawn } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InputError } from '../src/error.ts';
import { writeWhole } from '../src/write-file.ts';

const remedy = 'choose another';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-write-'));
});
afterEach(() => rm(folder, { recursive: true }));
const text = (path: string) => readFile(path, 'utf8');

test.runIf(process.platform === 'linux')('a folder that takes no folders ends with an error, not never', async () => {
  await expect(writeWhole('/proc/no/such/file', 'text', { remedy: 'choose' })).rejects.toThrow('cannot be written');
});

test('a file and its folder are made, and replaced with the mode that it had', async () => {
  const path = join(folder, 'made', 'here', 'file');
  await writeWhole(path, 'first', { remedy });
  await chmod(path, 0o640);
  async function* parts() {
    yield Buffer.from('second, ');
    yield Buffer.from('in parts');
  }
  await writeWhole(path, parts(), { remedy });
  expect([await text(path), (await stat(path)).mode & 0o777]).toEqual(['second, in parts', 0o640]);
  expect(await readdir(join(folder, 'made', 'here'))).toEqual(['file']);
});

test('links are followed, to files that are not there too', async () => {
  await mkdir(join(folder, 'far'));
  await symlink('far/file', join(folder, 'near'));
  await symlink('near', join(folder, 'nearer'));
  for (const content of ['new', 'newer']) {
    await writeWhole(join(folder, 'nearer'), content, { remedy });
    expect(await text(join(folder, 'far', 'file'))).toBe(content);
  }
  expect((await readdir(folder)).sort()).toEqual(['far', 'near', 'nearer']);
});

test('whatever fails on the way leaves the file that was there, and nothing beside it', async () => {
  const path = join(folder, 'file');
  await writeFile(path, 'good');
  async function* failing(error: Error) {
    yield Buffer.from('half');
    expect((await readdir(folder)).length).toBe(2); // it is being written
    throw error;
  }
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const failed = writeWhole(path, failing(full), { remedy });
  await expect(failed).rejects.toThrow(InputError);
  await expect(failed).rejects.toThrow(`${path}: it cannot be written (ENOSPC); choose another`);
  const own = new RangeError('not of the file system');
  await expect(writeWhole(path, failing(own), { remedy })).rejects.toBe(own);
  expect([await text(path), await readdir(folder)]).toEqual(['good', ['file']]);
});

test('what must not be replaced is not', async () => {
  const path = join(folder, 'file');
  await writeWhole(path, 'first', { remedy, never: 'replace' });
  const again = writeWhole(path, 'second', { remedy, never: 'replace' });
  await expect(again).rejects.toThrow(`${path}: it is there already; choose another`);
  // Nor what appears while it is written.
  async function* slow() {
    yield Buffer.from('mine');
    await writeFile(join(folder, 'other'), 'theirs');
  }
  const late = writeWhole(join(folder, 'other'), slow(), { remedy, never: 'replace' });
  await expect(late).rejects.toThrow('it is there already');
  expect([await text(path), await text(join(folder, 'other'))]).toEqual(['first', 'theirs']);
  expect((await readdir(folder)).sort()).toEqual(['file', 'other']);
});

test('what the file system refuses is a typed error of one line', async () => {
  await symlink('loop', join(folder, 'loop'));
  await writeFile(join(folder, 'file'), '');
  const cases: [string, RegExp][] = [
    [folder, /: it is a folder; choose another$/],
    [join(folder, 'loop'), /cannot be written \(ELOOP\)/],
    [join(folder, 'file', 'below'), /cannot be written \((ENOTDIR|EEXIST)\)/],
    [join(folder, 'x'.repeat(300)), /cannot be written \(ENAMETOOLONG\)/],
    ['nul\0', /cannot be written \(ERR_INVALID_ARG_VALUE\)/],
  ];
  for (const [path, message] of cases) {
    const failed = writeWhole(path, 'text', { remedy });
    await expect(failed).rejects.toThrow(InputError);
    await expect(failed).rejects.toThrow(message);
  }
});

// A pipe of its own: the machine's devices are not for a test that may run as root.
test('a pipe is written as it is; one that nobody reads is refused, not waited for', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await expect(writeWhole(pipe, 'text', { remedy })).rejects.toThrow('it cannot be written (ENXIO)');
  const reader = spawn('cat', [pipe]);
  let read = '';
  reader.stdout.on('data', (data) => {
    read += data;
  });
  const ended = new Promise((done) => reader.on('close', done));
  // Until the reader has opened it nobody reads.
  while (
    !(await writeWhole(pipe, 'text', { remedy }).then(
      () => true,
      () => false,
    ))
  );
  await ended;
  expect(read).toBe('text');
});

test('a full disk and Ctrl-C leave the good files, for every kind of output', async () => {
  const files = ['whole', 'progress', 'parts'].map((name) => join(folder, name));
  for (const file of files) await writeFile(file, 'good');
  await link(files[0], join(folder, 'other name'));
  const program = `
    import { writeWhole } from ${JSON.stringify(resolve('src/write-file.ts'))};
    import { saveProgress } from ${JSON.stringify(resolve('src/verify/full-size/saved-progress.ts'))};
    import { endOnSignals } from ${JSON.stringify(resolve('src/cli/ending.ts'))};
    const [whole, progress, parts] = ${JSON.stringify(files)};
    const x = new Float32Array(100_000);
    const failed = [];
    const note = ({ name, message }) => failed.push(name + ' ' + /\\(E\\w+\\)/.exec(message));
    await writeWhole(whole, new Uint8Array(400_000), { remedy: '' }).catch(note);
    await saveProgress(progress, { golden: '', device: '' }, { done: 1, x, shape: [1, 100_000], taps: [] }).catch(note);
    endOnSignals();
    async function* forever() {
      yield new Uint8Array(1000);
      console.log(failed.join());
      setInterval(() => undefined, 1000);
      await new Promise(() => undefined);
    }
    await writeWhole(parts, forever(), { remedy: '' });
  `;
  // Files may have 64 KB: a full disk for everybody.
  const command = 'ulimit -f 64; exec "$0" --import tsx --input-type=module -e "$1"';
  const child = spawn('bash', ['-c', command, process.execPath, program]);
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  const ended = new Promise((done) => child.on('close', done));
  const failed = await new Promise((done) => child.stdout.once('data', (data) => done(String(data))));
  child.kill('SIGINT');
  expect([await ended, failed, said]).toEqual([130, 'InputError (EFBIG),InputError (EFBIG)\n', '\ninterrupted\n']);
  for (const file of files) expect(await text(file)).toBe('good');
  expect((await readdir(folder)).sort()).toEqual(['other name', 'parts', 'progress', 'whole']);
});
