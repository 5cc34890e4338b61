// Installs the project's packages the first time (and after the lock file changed), so that a fresh clone needs one command.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './install-lock.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const wanted = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');
// Beside node_modules, which npm empties first.
const lock = join(root, '.installing');

/** npm writes that file when all else is there. */
const isInstalled = () => existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs;

function fail(why) {
  console.error(`installing packages failed${why ? `: ${why}` : ''}; run "npm ci" to see why`);
  process.exitCode ||= 1;
}

/** Undefined while nothing is installed. */
let npm;

/** @returns {Promise<void>} when npm has ended, however it did */
function install() {
  console.error('installing packages (the first time only, about 360 MB on disk) …');
  const script = process.env.npm_execpath;
  const [command, ...before] = script ? [process.execPath, script] : ['npm'];
  const words = [...before, 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
  return new Promise((done) => {
    const shell = !script && process.platform === 'win32'; // there npm is a script of the shell
    npm = spawn(command, words, { cwd: root, stdio: ['ignore', 2, 2], shell });
    npm.on('error', ({ message }) => done(fail(message)));
    npm.on('exit', (status) => {
      if (status !== 0) process.exitCode ||= status ?? 1;
      done(status === 0 || interrupted ? undefined : fail());
    });
  });
}

let interrupted = false;
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, () => {
    if (!npm) process.exit(code);
    // The end of npm is waited for, so that nobody else begins before. A terminal's Ctrl-C reaches it by itself.
    interrupted = true;
    process.exitCode = code;
    if (signal !== 'SIGINT') npm.kill(signal);
  });
}

if (!isInstalled()) {
  const waiting = (owner) => console.error(`packages are being installed by another command (${owner}); waiting …`);
  try {
    await withLock(lock, async () => (isInstalled() ? undefined : install()), { waiting });
  } catch (error) {
    fail(error.message);
  }
}
