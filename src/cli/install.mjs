// Installs the project's packages the first time (and after the lock file changed), so that a fresh clone needs one command.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const lock = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  console.error('installing packages (the first time only, about 300 MB on disk) …');
  const npm = process.env.npm_execpath;
  const [command, ...before] = npm ? [process.execPath, npm] : ['npm'];
  const install = [...before, 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync(command, install, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    console.error(`installing packages failed${error ? `: ${error.message}` : ''}; run "npm ci" to see why`);
    process.exit(status ?? 1);
  }
}
