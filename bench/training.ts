import { readFile } from 'node:fs/promises';
import { sum } from '../kernels/add.ts';
import { weightGradient } from '../kernels/linear.ts';
import { type Config, parseConfig, patchGrid } from '../src/architecture/config.ts';
import { groupSpan } from '../src/model/attention.ts';
import { decoderBlock } from '../src/model/decoder.ts';
import { trainingPass } from '../src/model/decoder-pass.ts';
import { visionBlock } from '../src/model/vision.ts';
import { createDevice, type Device, type HostData } from '../tensor/device.ts';
import { differentiate } from '../tensor/gradient.ts';
import { nullDriver } from '../tensor/null.ts';
import { keep, scope, tensorsIn } from '../tensor/scope.ts';
import { block } from '../tensor/tap.ts';
import { free, read, type Tensor, tensor } from '../tensor/tensor.ts';
import { type Bench, costOf, measureRow, onDevice, type Row, settled } from './bench.ts';
import { held, input, release } from './held.ts';
import { type Subject, timed } from './measure.ts';
import { BLOCK_ENGINES, type BlockEngineName } from './peer-blocks.ts';
import { type Peer, startPeer } from './peer-process.ts';
import type { Peers } from './products.ts';
import { benchStep } from './training-step.ts';

const CONFIGS = { published: 'golden/published/config.json', small: 'golden/tiny/config.json' } as const;
const PROMPT = 280;
/** Sums of thousands of terms in float32 differ by so much of the largest. */
const CLOSE = 1e-4;
/** Conversations and tokens of a step of the small model. */
const SMALL = { conversations: 32, tokens: 60 } as const;

/** The way back: gradients of weights, blocks of the published size and of the small one, and a whole step of the small model. */
export async function benchTraining(bench: Bench, peers: Peers | undefined): Promise<void> {
  const published = await configOf('published');
  const small = await configOf('small');
  await benchWeightGradients(bench, published);
  await benchBlock(bench, `vision block, ${patchGrid(published.visual) ** 2} patches`, published, visionCase);
  await benchBlock(bench, `decoder block, ${PROMPT} rows`, published, (device, config) =>
    decoderCase(device, config, [PROMPT]),
  );
  const rows = new Array<number>(SMALL.conversations).fill(SMALL.tokens);
  await benchBlock(
    bench,
    `decoder block of the small model, ${SMALL.conversations} × ${SMALL.tokens} rows`,
    small,
    (device, config) => decoderCase(device, config, rows),
    await startPeers(bench.simd, peers, small),
  );
  await benchStep(bench, small, SMALL);
}

const configOf = async (name: keyof typeof CONFIGS): Promise<Config> =>
  parseConfig(JSON.parse(await readFile(new URL(`../${CONFIGS[name]}`, import.meta.url), 'utf8')), CONFIGS[name]);

async function benchWeightGradients(bench: Bench, { visual, hidden_size: D }: Config): Promise<void> {
  const shapes = [
    [patchGrid(visual) ** 2, visual.width, Math.floor(visual.width * visual.mlp_ratio)],
    [PROMPT, D, D],
  ];
  for (const [N, K, M] of shapes) {
    const owned: Tensor[] = [];
    const on = (name: string, device: Device): Subject => {
      const [dy, x] = [input(device, N, M), input(device, N, K)];
      owned.push(dy, x);
      return onDevice(name, device, () => weightGradient(dy, x, { start: 0, R: M }));
    };
    try {
      const cost = { operations: 2 * N * M * K, bytes: 4 * (N * M + N * K + M * K), limit: 'arithmetic' as const };
      const row = { section: 'training', name: `weight gradient ${N}×${K}→${M}`, ...cost };
      await measureRow(bench, row, [on('simd', bench.simd), on('simd, 1 thread', bench.alone)]);
    } finally {
      for (const each of owned) free(each);
    }
  }
}

/** A block whose weights, and what goes in, have gradients. */
interface Case {
  forward(): Tensor;
  free(): void;
}

/** There and back: the block runs, runs again to be gone through, and gives the gradients of its input and of its weights. */
const thereAndBack = (each: Case): Tensor =>
  differentiate(each.forward, { trains: () => true, take: () => undefined, sum });

async function benchBlock(
  bench: Bench,
  name: string,
  config: Config,
  make: (device: Device, config: Config) => Case,
  others: readonly Peer[] = [],
): Promise<void> {
  const cases = [bench.simd, bench.alone].map((device) => make(device, config));
  const on = (subject: string, at: number, work: (each: Case) => Tensor): Subject => ({
    name: subject,
    run: () =>
      timed(async () => {
        free(scope<Tensor>(() => work(cases[at])));
        await settled(at === 0 ? bench.simd : bench.alone);
      }),
  });
  try {
    const subjects = [
      on('simd', 0, thereAndBack),
      on('simd, 1 thread', 1, thereAndBack),
      on('its way there', 0, ({ forward }) => forward()),
    ];
    const row = { section: 'training', name, limit: 'arithmetic' as const, ...(await caseCost(make, config)) };
    await measureRow(bench, row, [...subjects, ...others]);
  } finally {
    for (const each of cases) each.free();
    for (const other of others) other.close();
  }
}

/** Other engines, as far as they start here and compute the same gradient. */
async function startPeers(device: Device, peers: Peers | undefined, config: Config): Promise<Peer[]> {
  if (!peers) return [];
  const right = await gradientOfNorm(device, config);
  const check = (samples: readonly number[]) => {
    const largest = Math.max(...right.map(Math.abs));
    const off = samples.findIndex((value, i) => !(Math.abs(value - right[i]) < CLOSE * largest));
    if (off >= 0) throw new Error(`gradient ${off} of ln_1 is ${samples[off]}, expected ${right[off]}`);
  };
  const started: Peer[] = [];
  for (const engine of Object.keys(BLOCK_ENGINES) as BlockEngineName[]) {
    try {
      started.push(await startPeer({ engine, packages: peers.packages, config, size: SMALL }, check));
    } catch (error) {
      peers.leftOut(`decoder block: ${(error as Error).message}`);
    }
  }
  return started;
}

async function gradientOfNorm(device: Device, config: Config): Promise<HostData> {
  const each = decoderCase(device, config, new Array<number>(SMALL.conversations).fill(SMALL.tokens));
  let gradient: Promise<HostData> | undefined;
  const take = (name: string, found: Tensor) => {
    if (name.endsWith('ln_1.weight')) gradient = read(found);
  };
  free(differentiate(each.forward, { trains: () => true, take, sum }));
  const found = await gradient!;
  each.free();
  return found;
}

/** What it needs there and back, from its shapes alone. */
function caseCost(
  make: (device: Device, config: Config) => Case,
  config: Config,
): Promise<Pick<Row, 'operations' | 'bytes'>> {
  const device = createDevice(nullDriver);
  const each = make(device, config);
  return costOf(device, () => free(thereAndBack(each)));
}

function visionCase(device: Device, config: Config): Case {
  const { width, heads } = config.visual;
  const patches = patchGrid(config.visual) ** 2;
  const { model, weights } = held(device, config, ({ resblocks }) => resblocks[0], false);
  const x = input(device, patches, width);
  const span = tensor(device, groupSpan(1, patches, patches), [patches, 2]);
  return {
    forward: () => block('', { ...weights, x }, (w) => visionBlock(w.x, w, span, heads, patches)),
    free: () => release(model, weights, [x, span]),
  };
}

/** @param lengths of the conversations */
function decoderCase(device: Device, config: Config, lengths: readonly number[]): Case {
  const { model, weights } = held(device, config, ({ h }) => h[0], false);
  const pass = keep(trainingPass(model, lengths));
  const rows = lengths.reduce((total, length) => total + length, 0);
  const x = input(device, rows, config.hidden_size);
  return {
    forward: () => block('', { ...weights, x }, (w) => decoderBlock(w.x, w, undefined, pass)),
    free: () => release(model, weights, [x, ...tensorsIn(pass)]),
  };
}
