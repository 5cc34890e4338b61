/** npm run bench: see HELP. */
import { parseArgs } from 'node:util';
import { endOnSignals, outliveListeners } from '../src/cli/ending.ts';
import { save } from '../src/cli/files.ts';
import { fuseMultiplyAdds } from '../src/cli/multiply-add.ts';
import { checkOutput } from '../src/cli/outputs.ts';
import { InputError } from '../src/error.ts';
import { openDevice } from '../src/open-device.ts';
import { describeMachine, machine } from '../src/profile/machine.ts';
import { measureRoofs, type Roofs } from '../src/profile/roofs.ts';
import { closeDevice } from '../tensor/device.ts';
import type { Bench, Row } from './bench.ts';
import { benchBlocks } from './blocks.ts';
import { benchExplorer, type ExplorerResult } from './explorer.ts';
import { benchKernels } from './kernels.ts';
import { ladder } from './ladder/main.ts';
import type { EngineName } from './peer-engines.ts';
import { installPeers, PEERS_FILE } from './peers.ts';
import { benchProducts, type Peers } from './products.ts';
import { type BenchReport, compareLines, readReport } from './report.ts';
import { explorerLines, line, targetLines, tinyLines } from './table.ts';
import { targets } from './targets.ts';
import { benchTiny, type TinyResult } from './tiny.ts';
import { benchTraining } from './training.ts';

const SECTIONS = ['products', 'kernels', 'blocks', 'training', 'tiny', 'explorer'] as const;
type Section = (typeof SECTIONS)[number];

const HELP = `npm run bench -- [SECTION…] [OPTIONS]

Measures this machine's roofs, then what the kernels reach of them, beside other engines in the same run.

  products   matrix products at the model's shapes; onnxruntime-web, onnxruntime-node, tfjs, GPU.js
  kernels    every other operation at the model's shapes; GPU.js
  blocks     a vision block, the adapter, a decoder block of the published size
  training   gradients of weights, blocks there and back, a step of the small model; tfjs, jax-js, and PyTorch if python3 has it
  tiny       the shipped model from its start to its last token
  explorer   the page in Chromium, from its address to the first answer
  ladder     two products, from nested arrays to SIMD on all threads, rung by rung: writes bench/ladder.md; takes
             --threads, --json, and names of rungs to measure alone

  --threads N       of simd and of the other engines (default: 2)
  --runs N          of which medians are taken (default: 7)
  --no-peers        without the engines that have to be installed, into bench/.peers
  --json FILE       the report
  --compare FILE    how much faster than an earlier report

Node 20 has fused multiply-adds behind a flag, which is set here as it is by qvl; --no-fused leaves it.
`;

const PACKAGES = {
  'onnxruntime-web': '1.30.0',
  'onnxruntime-node': '1.30.0',
  '@tensorflow/tfjs': '4.22.0',
  '@tensorflow/tfjs-core': '4.22.0',
  '@tensorflow/tfjs-backend-wasm': '4.22.0',
  '@jax-js/jax': '0.1.25',
};
const ENGINES: readonly EngineName[] = ['onnxruntime-web', 'onnxruntime-node', 'tfjs'];

outliveListeners();
endOnSignals();
await main().catch((error: unknown) => {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
});

async function main(): Promise<void> {
  const [first, ...rest] = process.argv.slice(2);
  if (first === 'ladder') return ladder(rest);
  const { sections, threads, runs, options } = readWords();
  if (options.help) return console.log(HELP);
  if (options.json !== undefined) await checkOutput(options.json, options.compare ? [options.compare] : [], '--json');
  const before = options.compare ? await readReport(options.compare) : undefined;
  if (!options['no-fused']) fuseMultiplyAdds();

  const peers = options['no-peers'] ? undefined : preparePeers();
  const rows: Row[] = [];
  const roofs: Roofs[] = [];
  let tiny: TinyResult | undefined;
  let explorer: ExplorerResult | undefined;
  const here = machine();
  console.log(
    `${describeMachine(here)}\nmedians of ${runs} runs, taken in turns; a share is of what the roof measured beside allows\n`,
  );

  const simd = (await openDevice('simd', threads)).device;
  const alone = (await openDevice('simd', 1)).device;
  try {
    for (const [device, count] of [
      [alone, 1],
      [simd, threads],
    ] as const) {
      const roof = await measureRoofs(device, count);
      roofs.push(roof);
      const caches = roof.caches.map(({ bytes, rate }) => `${(bytes / 2 ** 10).toFixed(0)} KiB ${rate.toFixed(0)}`);
      console.log(`${roof.device}: ${roof.multiplyAdd.toFixed(1)} GFLOP/s, memory ${roof.memory.toFixed(1)} GB/s`);
      console.log(`  caches, GB/s: ${caches.join(', ')}; an empty launch ${(1000 * roof.launch).toFixed(0)} µs`);
    }
    let section = '';
    const bench: Bench = {
      runs,
      simd,
      alone,
      threads,
      add(row) {
        if (row.section !== section) console.log(`\n${row.section}`);
        section = row.section;
        rows.push(row);
        console.log(line(row));
      },
    };
    if (sections.has('products')) await benchProducts(bench, peers);
    if (sections.has('kernels')) await benchKernels(bench);
    if (sections.has('blocks')) await benchBlocks(bench);
    if (sections.has('training')) await benchTraining(bench, peers);
  } finally {
    await closeDevice(simd);
    await closeDevice(alone);
  }
  if (sections.has('tiny')) {
    tiny = benchTiny(threads, runs);
    console.log(`\ntiny\n${tinyLines(tiny).join('\n')}`);
  }
  if (sections.has('explorer')) {
    explorer = await benchExplorer(runs);
    console.log(`\nexplorer\n${explorerLines(explorer).join('\n')}`);
  }

  const report: BenchReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: here,
    threads,
    peers: peers ? PACKAGES : {},
    roofs,
    rows,
    tiny,
    explorer,
    targets: targets(rows, tiny, explorer),
  };
  console.log(`\n${targetLines(report.targets).join('\n')}`);
  if (before) console.log(`\nagainst ${options.compare}\n${compareLines(report, before).join('\n')}`);
  if (options.json) await save(options.json, `${JSON.stringify(report, null, 1)}\n`, '--json');
}

function preparePeers(): Peers {
  installPeers(PACKAGES);
  return { packages: PEERS_FILE, engines: ENGINES, leftOut: (reason) => console.error(`left out: ${reason}`) };
}

function readWords() {
  const { values: options, positionals } = parse();
  const stranger = positionals.find((word) => !(SECTIONS as readonly string[]).includes(word));
  if (stranger !== undefined) throw new InputError('section', `"${stranger}"`, `choose from ${SECTIONS.join(', ')}`);
  return {
    options,
    sections: new Set((positionals.length > 0 ? positionals : SECTIONS) as readonly Section[]),
    threads: count('--threads', options.threads, 2),
    runs: count('--runs', options.runs, 7),
  };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        threads: { type: 'string' },
        runs: { type: 'string' },
        'no-peers': { type: 'boolean' },
        'no-fused': { type: 'boolean' },
        json: { type: 'string' },
        compare: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    throw new InputError('npm run bench', (cause as Error).message, 'see "npm run bench -- --help"', { cause });
  }
}

function count(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 256) return value;
  throw new InputError(name, `${text}, expected a whole number from 1 to 256`, `as in: ${name} 2`);
}
