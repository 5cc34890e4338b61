/** Packages to compare with, installed by the benchmark that needs them into a folder of its own, bench/.peers. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('.peers/', import.meta.url));

/** Packages are found from here. */
export const PEERS_FILE = join(folder, 'package.json');

/**
 * Installs packages in the versions given, unless they are there, and returns what imports them: `importPeer('name/path')`.
 * Their install scripts do not run unless `scripts` says so.
 */
export function installPeers(
  versions: Readonly<Record<string, string>>,
  { scripts = false } = {},
): (specifier: string) => Promise<unknown> {
  const missing = Object.entries(versions).filter(([name, version]) => installedVersion(name) !== version);
  if (missing.length > 0) {
    const packages = missing.map(([name, version]) => `${name}@${version}`);
    console.error(`installing ${packages.join(', ')} into ${folder} …`);
    mkdirSync(folder, { recursive: true });
    if (!existsSync(PEERS_FILE)) writeFileSync(PEERS_FILE, '{ "private": true }\n');
    const npm = process.env.npm_execpath;
    const [command, ...before] = npm ? [process.execPath, npm] : ['npm'];
    const options = [
      '--save-exact',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      ...(scripts ? [] : ['--ignore-scripts']),
    ];
    const words = [...before, 'install', '--prefix', folder, ...options, ...packages];
    const { status, error } = spawnSync(command, words, { stdio: ['ignore', 2, 2] });
    if (status !== 0) throw new Error(`${packages.join(', ')} cannot be installed: ${error?.message ?? 'see above'}`);
  }
  const { resolve } = createRequire(PEERS_FILE);
  return (specifier) => import(pathToFileURL(resolve(specifier)).href);
}

function installedVersion(name: string): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : undefined;
}
