import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** Stands for npm: keeps a list of its starts, works until it may end, and leaves what npm leaves. */
const NPM = `
  import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
  appendFileSync('starts', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
  rmSync('node_modules', { recursive: true, force: true });
  const timer = setInterval(() => {
    if (!existsSync('may end')) return;
    clearInterval(timer);
    if (process.env.BREAKS) process.exit(7);
    mkdirSync('node_modules');
    writeFileSync('node_modules/.package-lock.json', '{}');
  }, 20);
`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qvl-install-'));
  await mkdir(join(root, 'src', 'cli'), { recursive: true });
  for (const name of ['install.mjs', 'install-lock.mjs'])
    await cp(join('src/cli', name), join(root, 'src', 'cli', name));
  await writeFile(join(root, 'package-lock.json'), '{}');
  await writeFile(join(root, 'npm.mjs'), NPM);
});
afterEach(() => rm(root, { recursive: true }));

function start(script: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, script, {
    cwd: root,
    env: { ...process.env, npm_execpath: join(root, 'npm.mjs'), ...env },
  });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const ended = new Promise<{ code: number | null; said: string }>((done) => {
    child.on('close', (code) => done({ code, said }));
  });
  return { child, ended, spoken: new Promise((done) => child.stderr.once('data', done)) };
}
const install = (env?: Record<string, string>) => start([join(root, 'src', 'cli', 'install.mjs')], env);
const starts = async () => (await readFile(join(root, 'starts'), 'utf8')).trimEnd().split('\n').length;
const letEnd = () => writeFile(join(root, 'may end'), '');

test('of two that begin in a fresh clone one installs, and the other waits and says so', async () => {
  const first = install();
  await first.spoken;
  const second = install();
  await second.spoken;
  await letEnd();
  const [one, other] = await Promise.all([first.ended, second.ended]);
  expect([one.code, other.code, await starts()]).toEqual([0, 0, 1]);
  expect(one.said).toMatch(/^installing packages \(the first time only/);
  expect(other.said).toBe(`packages are being installed by another command (process ${first.child.pid}); waiting …\n`);
  const again = await install().ended;
  expect([again, await starts()]).toEqual([{ code: 0, said: '' }, 1]);
  expect((await readdir(root)).filter((name) => name.startsWith('.installing'))).toEqual([]);
});

test('the lock of a process that died is taken over; whoever waits for one that failed tries itself', async () => {
  const { child, ended } = start(['-e', '']);
  await ended;
  await mkdir(join(root, '.installing'));
  await writeFile(join(root, '.installing', 'owner.json'), JSON.stringify({ pid: child.pid, host: hostname() }));
  const failing = install({ BREAKS: '1' });
  await failing.spoken;
  const next = install();
  await next.spoken;
  await letEnd();
  const [one, other] = await Promise.all([failing.ended, next.ended]);
  expect([one.code, other.code, await starts()]).toEqual([7, 0, 2]);
  expect(one.said).toContain('installing packages failed; run "npm ci" to see why');
});

test('an interrupted wait ends at once, and harms no lock', async () => {
  await mkdir(join(root, '.installing'));
  await writeFile(join(root, '.installing', 'owner.json'), JSON.stringify({ pid: process.pid, host: hostname() }));
  const { child, ended, spoken } = install();
  await spoken;
  child.kill('SIGINT');
  expect((await ended).code).toBe(130);
  expect(await readdir(join(root, '.installing'))).toEqual(['owner.json']);
});

test('a lock from which no sign of life comes is taken over; its new owner gives signs', async () => {
  const lock = join(root, 'lock');
  await mkdir(lock);
  await writeFile(join(lock, 'owner.json'), JSON.stringify({ pid: 1, host: 'another machine' }));
  const program = `
    import { existsSync } from 'node:fs';
    import { withLock } from ${JSON.stringify(resolve('src/cli/install-lock.mjs'))};
    const work = () => new Promise((done) => {
      console.error('mine');
      const timer = setInterval(() => existsSync('may end') && done(clearInterval(timer)), 20);
    });
    await withLock(${JSON.stringify(lock)}, work, { poll: 20, stale: 200 });`;
  const { ended, spoken } = start(['--input-type=module', '-e', program]);
  await spoken;
  const signs = new Set<number>();
  while (signs.size < 3) signs.add((await stat(lock)).mtimeMs);
  await letEnd();
  expect(await ended).toEqual({ code: 0, said: 'mine\n' });
  expect(await readdir(root)).not.toContain('lock');
});
