import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { attentionScores, attentionValues } from '../kernels/attention-products.ts';
import { linear } from '../kernels/linear.ts';
import { type Config, parseConfig, patchGrid } from '../src/architecture/config.ts';
import { adapter } from '../src/model/adapter.ts';
import { groupSpan } from '../src/model/attention.ts';
import { createCache, freeCache } from '../src/model/cache.ts';
import { decoderBlock } from '../src/model/decoder.ts';
import { decoderPass } from '../src/model/decoder-pass.ts';
import { visionBlock } from '../src/model/vision.ts';
import { openFullSize } from '../src/verify/full-size/full-size-case.ts';
import { judge } from '../src/verify/tolerances.ts';
import { createDevice, type Device } from '../tensor/device.ts';
import { elementCount } from '../tensor/dtype.ts';
import { nullDriver } from '../tensor/null.ts';
import { keep, scope, tensorsIn } from '../tensor/scope.ts';
import { free, type Tensor, tensor } from '../tensor/tensor.ts';
import { type Bench, costOf, measureRow, type Row, settled } from './bench.ts';
import { held, input, release } from './held.ts';
import { type Subject, timed } from './measure.ts';

const GOLDEN = fileURLToPath(new URL('../golden/full-size/wide.json', import.meta.url));
const CONFIG = new URL('../golden/published/config.json', import.meta.url);
/** The blocks that the golden has. */
const [VISION, DECODER] = [7, 5];
const CHECKED = [
  `transformer.visual.transformer.resblocks.${VISION}`,
  'transformer.visual.attn_pool',
  `prefill.280.transformer.h.${DECODER}`,
];
const PROMPT = 280;
const CACHED = 1024;
const CACHE_STEP = 128;

/** A block with everything it needs on a device; `products` are its matrix products alone, on tensors of the same sizes. */
interface Block {
  readonly name: string;
  readonly limit: Row['limit'];
  /** Of its matrices. */
  readonly elements: number;
  run(): Tensor;
  readonly products: readonly (() => Tensor)[];
  free(): void;
}

/**
 * A vision block, the adapter and a decoder block at the published size, with bfloat16 weights: as a whole, and their matrix
 * products alone.
 */
export async function benchBlocks(bench: Bench): Promise<void> {
  await requireRight(bench.simd);
  const config = parseConfig(JSON.parse(await readFile(CONFIG, 'utf8')), 'golden/published/config.json');
  for (const make of [visionCase, adapterCase, prefillCase, decodeCase]) {
    const blocks = [bench.simd, bench.alone].map((device) => make(device, config));
    try {
      const [ours, alone] = blocks.map(({ run }, i) => inScope(i === 0 ? 'simd' : 'simd, 1 thread', [run], i));
      const products = inScope('its products', blocks[0].products, 0);
      const { name, limit } = blocks[0];
      const subjects = blocks[0].products.length > 0 ? [ours, alone, products] : [ours, alone];
      await measureRow(bench, { section: 'blocks', name, limit, ...(await blockCost(make, config)) }, subjects);
    } finally {
      for (const block of blocks) block.free();
    }
  }

  function inScope(name: string, works: readonly (() => Tensor)[], at: number): Subject {
    const device = [bench.simd, bench.alone][at];
    return {
      name,
      run: () =>
        timed(async () => {
          for (const work of works) free(scope<Tensor>(work));
          await settled(device);
        }),
    };
  }
}

/** @throws Error when the blocks are not what the original computes */
async function requireRight(device: Device): Promise<void> {
  const golden = await openFullSize(GOLDEN);
  const measured = await golden.measure(device, { wanted: (name) => CHECKED.includes(name) });
  const wrong = judge(measured, device.name, golden.kind);
  if (measured.length !== CHECKED.length || wrong.length > 0) {
    throw new Error(`blocks differ from the golden: ${wrong.map(({ name }) => name).join(', ') || 'some are missing'}`);
  }
}

/** What the block needs, from its shapes alone: matrices have 2 bytes an element, all else 4. */
async function blockCost(
  make: (device: Device, config: Config) => Block,
  config: Config,
): Promise<Pick<Row, 'operations' | 'bytes'>> {
  const device = createDevice(nullDriver);
  const block = make(device, config);
  const { operations, bytes } = await costOf(device, () => free(scope<Tensor>(() => block.run())));
  return { operations, bytes: bytes - 2 * block.elements };
}

const matricesOf = (weights: object): Tensor[] =>
  (Object.values(weights) as Tensor[]).filter(({ shape }) => shape.length === 2);
const countOf = (weights: object): number =>
  matricesOf(weights).reduce((sum, { shape }) => sum + elementCount(shape), 0);

/** The layers of a block: `x · Wᵀ` for each of its matrices. */
function layers(
  device: Device,
  weights: object,
  rows: number,
): { works: (() => Tensor)[]; inputs: Tensor[]; elements: number } {
  const matrices = matricesOf(weights);
  const inputs = new Map(matrices.map(({ shape: [, K] }) => [K, input(device, rows, K)]));
  return {
    works: matrices.map((w) => () => linear(inputs.get(w.shape[1])!, w)),
    inputs: [...inputs.values()],
    elements: countOf(weights),
  };
}

function visionCase(device: Device, config: Config): Block {
  const { width, heads } = config.visual;
  const patches = patchGrid(config.visual) ** 2;
  const { model, weights } = held(device, config, ({ resblocks }) => resblocks[VISION]);
  const x = input(device, patches, width);
  const span = tensor(device, groupSpan(1, patches, patches), [patches, 2]);
  const { works, inputs, elements } = layers(device, weights, patches);
  const scores = input(device, heads * patches, patches);
  return {
    name: `vision block, ${patches} patches`,
    limit: 'arithmetic',
    elements,
    run: () => visionBlock(x, weights, span, heads, patches),
    products: [
      ...works,
      () => attentionScores(x, x, span, { heads, mostKeys: patches, divisor: 1 }),
      () => attentionValues(scores, x, span),
    ],
    free: () => release(model, weights, [x, span, scores, ...inputs]),
  };
}

function adapterCase(device: Device, config: Config): Block {
  const patches = patchGrid(config.visual) ** 2;
  const { model, weights } = held(device, config, ({ attnPool }) => attnPool);
  const x = input(device, patches, config.visual.width);
  const keyPositions = input(device, patches, config.visual.output_dim);
  return {
    name: `adapter, ${patches} patches`,
    limit: 'arithmetic',
    elements: countOf(weights),
    run: () => adapter(x, weights, keyPositions),
    products: [],
    free: () => release(model, weights, [x, keyPositions]),
  };
}

function prefillCase(device: Device, config: Config): Block {
  return decoderCase(device, config, { name: `decoder block, prefill of ${PROMPT}`, rows: PROMPT, cached: 0 });
}

function decodeCase(device: Device, config: Config): Block {
  return decoderCase(device, config, { name: `decoder block, one token after ${CACHED}`, rows: 1, cached: CACHED });
}

function decoderCase(
  device: Device,
  config: Config,
  { name, rows, cached }: { readonly name: string; readonly rows: number; readonly cached: number },
): Block {
  const { hidden_size: D, num_attention_heads: heads, kv_channels: d } = config;
  const { model, weights } = held(device, config, ({ h }) => h[DECODER]);
  const capacity = Math.ceil((cached + rows) / CACHE_STEP) * CACHE_STEP;
  const cache = createCache({ device, config: { ...config, num_hidden_layers: 1 } }, capacity);
  cache.sequences[0].length = cached;
  // A pass is begun once: running it again writes the same rows of the cache.
  const pass = keep(decoderPass(model, cache, [rows]));
  const x = input(device, rows, D);
  const { works, inputs, elements } = layers(device, weights, rows);
  const { mostKeys } = pass;
  const scores = input(device, heads * rows, mostKeys);
  const attention = { heads, mostKeys, divisor: Math.sqrt(d) };
  return {
    name,
    limit: rows === 1 ? 'memory' : 'arithmetic',
    elements,
    run: () => decoderBlock(x, weights, cache.blocks[0], pass),
    products: [
      ...works,
      () => attentionScores(x, pass.fresh ? x : cache.blocks[0].key, pass.span, attention),
      () => attentionValues(scores, pass.fresh ? x : cache.blocks[0].value, pass.span),
    ],
    free() {
      freeCache(cache);
      release(model, weights, [x, scores, ...inputs, ...tensorsIn(pass)]);
    },
  };
}
