import { type Int4Matrix, int4Matrix, nibbles, PER_WORD } from '../../tensor/int4.ts';
import type { Config } from '../architecture/config.ts';
import { weightShapes } from '../architecture/weight-shapes.ts';
import { CheckpointError } from '../error.ts';
import { quote, some } from '../quote.ts';
import type { Quantisation } from './quantisation.ts';
import { readFloat32, type StoredTensor } from './stored-tensor.ts';

/** The parts of a packed linear layer of K inputs and N outputs in G groups, by the ends of their names. */
interface Parts {
  /** `[K/8, N]` int32, eight inputs a word. */
  readonly qweight: StoredTensor;
  /** `[G, N/8]` int32, eight outputs a word. */
  readonly qzeros: StoredTensor;
  /** `[G, N]`. */
  readonly scales: StoredTensor;
  /** `[K]` int32: the group of each input. Absent where they follow one another. */
  readonly g_idx: StoredTensor | undefined;
}

const PART = /^(.+)\.(qweight|qzeros|scales|g_idx)$/;
const REMEDY = 'get the files again, from one place';

/** What is found in a folder that GPTQ packed: tensors as if they were not, and a configuration that has their biases. */
export interface Unpacked {
  readonly config: Config;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly notes: readonly string[];
}

/**
 * Finds the packed layers among a checkpoint's tensors: each becomes a `weight` `[N, K]` that is unpacked when it is read, exactly, or
 * given as it is packed. Groups, zeros and biases are looked at, weights are not.
 *
 * @param path for errors
 * @throws CheckpointError for parts that are missing, misshapen or of another type, and groups out of range
 */
export async function unpackGptq(
  path: string,
  given: Config,
  stored: ReadonlyMap<string, StoredTensor>,
  quantisation: Quantisation,
): Promise<Unpacked> {
  const { modules, others } = sorted(stored);
  if (modules.size === 0) {
    const found = 'its configuration says that its weights are quantised, and none of them is';
    throw new CheckpointError(path, found, 'use the config.json that belongs to them');
  }
  const config = withBiases(given, others);
  const shapes = weightShapes(config);
  const tensors = new Map(others);
  const problems: string[] = [];
  const packed: Packed[] = [];
  for (const [name, parts] of modules) {
    const shape = shapes.get(`${name}.weight`);
    const problem = others.has(`${name}.weight`) ? 'there is its weight too' : problemOf(parts, shape, quantisation);
    if (problem || !shape) problems.push(`${quote(name)}: ${problem ?? 'there is no such layer'}`);
    else packed.push({ name, parts: parts as Parts, N: shape[0], K: shape[1] });
  }
  if (problems.length > 0) {
    throw new CheckpointError(path, `${problems.length} packed layers are unusable (${some(problems)})`, REMEDY);
  }
  const { add, notes } = await zerosOf(packed, quantisation);
  let anyScattered = false;
  for (const each of packed) {
    const { weight, scattered } = await unpackLayer(each, quantisation, add);
    anyScattered ||= scattered;
    tensors.set(weight.name, weight);
  }
  return { config, tensors: withZeroBiases(config, tensors), notes: [described(quantisation, anyScattered), ...notes] };
}

/** A packed linear layer whose parts have been found to fit. */
export interface Packed {
  readonly name: string;
  readonly parts: Parts;
  readonly N: number;
  readonly K: number;
}

function sorted(stored: ReadonlyMap<string, StoredTensor>) {
  const modules = new Map<string, Partial<Parts>>();
  const others = new Map<string, StoredTensor>();
  for (const [full, tensor] of stored) {
    const [, name, part] = PART.exec(full) ?? [];
    if (name === undefined) others.set(full, tensor);
    else modules.set(name, { ...modules.get(name), [part]: tensor });
  }
  return { modules, others };
}

/** Quirk: AutoGPTQ up to 0.6 packs every layer with a bias, also those that have none in the original. */
const withBiases = (config: Config, tensors: ReadonlyMap<string, StoredTensor>): Config =>
  [...weightShapes({ ...config, no_bias: false }).keys()].some(
    (name) => !weightShapes(config).has(name) && tensors.has(name),
  )
    ? { ...config, no_bias: false }
    : config;

/** Where some of the biases are there that the original does not have, the others are 0. */
function withZeroBiases(config: Config, tensors: Map<string, StoredTensor>): ReadonlyMap<string, StoredTensor> {
  const usual = weightShapes({ ...config, no_bias: true });
  for (const [name, shape] of weightShapes(config)) {
    if (usual.has(name) || tensors.has(name)) continue;
    const bytes = 4 * shape[0];
    tensors.set(name, { name, dtype: 'float32', type: 'zeros', shape, bytes, read: async () => new Uint8Array(bytes) });
  }
  return tensors;
}

/** What is wrong with the parts of a layer, if anything. */
function problemOf(
  parts: Partial<Parts>,
  shape: readonly number[] | undefined,
  { groupSize, byActivation }: Quantisation,
): string | undefined {
  if (shape?.length !== 2) return 'there is no such layer';
  const [N, K] = shape;
  if (N % PER_WORD > 0 || K % PER_WORD > 0) return `${K} inputs and ${N} outputs, expected multiples of ${PER_WORD}`;
  const G = groupSize === -1 ? 1 : Math.ceil(K / groupSize);
  const expected = { qweight: [K / PER_WORD, N], qzeros: [G, N / PER_WORD], scales: [G, N], g_idx: [K] };
  for (const part of ['qweight', 'qzeros', 'scales', 'g_idx'] as const) {
    const tensor = parts[part];
    if (!tensor) {
      if (part === 'g_idx' && !byActivation) continue;
      return `${part} is missing`;
    }
    const types = part === 'scales' ? ['float16', 'bfloat16', 'float32'] : ['int32'];
    if (!types.includes(tensor.dtype ?? '')) return `${part} is ${tensor.dtype ?? tensor.type}`;
    if (tensor.shape.join() !== expected[part].join()) {
      return `${part} is [${tensor.shape.join(', ')}], expected [${expected[part].join(', ')}]`;
    }
  }
  return undefined;
}

/**
 * The weight of a packed layer.
 *
 * @param add to a stored zero, modulo 16: readers disagree about 15, of which AutoGPTQ's packer means 0
 * @returns with whether members of its groups are scattered
 * @throws CheckpointError for a group that is not there
 */
export async function unpackLayer(
  layer: Packed,
  quantisation: Pick<Quantisation, 'groupSize'>,
  add: number,
): Promise<{ readonly weight: StoredTensor; readonly scattered: boolean }> {
  const groups = await groupsOf(layer, quantisation);
  const scattered = groups.some((group, k) => k > 0 && group < groups[k - 1]);
  return { weight: unpackedTensor(layer, groups, add), scattered };
}

async function groupsOf({ name, parts: { g_idx, scales }, K }: Packed, { groupSize }: Pick<Quantisation, 'groupSize'>) {
  const size = groupSize === -1 ? K : groupSize;
  if (!g_idx) return Int32Array.from({ length: K }, (_, k) => Math.floor(k / size));
  const groups = new Int32Array((await g_idx.read()).buffer);
  const [G] = scales.shape;
  const stray = groups.findIndex((group) => group < 0 || group >= G);
  if (stray < 0) return groups;
  throw new CheckpointError(
    `tensor ${quote(`${name}.g_idx`)}`,
    `input ${stray} is in group ${groups[stray]}, there are ${G}`,
    REMEDY,
  );
}

/**
 * What is added to a stored zero. Symmetric ones are 8 throughout, so there one sees which of the two formats it is: files are known
 * that store 8 and call themselves by the older name.
 */
async function zerosOf(packed: readonly Packed[], { format, symmetric }: Quantisation) {
  const named = format === 'gptq' ? 1 : 0;
  if (!symmetric) return { add: named, notes: [] };
  const stored = new Set<number>();
  for (const { parts } of packed) {
    for (const word of new Set(new Uint32Array((await parts.qzeros.read()).buffer))) {
      for (const nibble of nibbles(Uint32Array.of(word))) stored.add(nibble);
    }
  }
  const [only] = stored;
  const add = stored.size === 1 && (only === 7 || only === 8) ? 8 - only : undefined;
  if (add === named) return { add, notes: [] };
  if (add === undefined) {
    return { add: named, notes: ['its quantisation says that it is symmetric, and not all of its zeros are 8'] };
  }
  const other = add === 1 ? 'less one, as "gptq" does' : 'as they are, as "gptq_v2" does';
  return { add, notes: [`its quantisation says "${format}", and stores its zeros ${other}: so they are read`] };
}

function unpackedTensor({ name, parts, N, K }: Packed, groups: Int32Array, add: number): StoredTensor {
  const matrix = async (): Promise<Int4Matrix> =>
    int4Matrix({
      ...{ N, K, groups },
      words: new Uint32Array((await parts.qweight.read()).buffer),
      zeros: nibbles(new Uint32Array((await parts.qzeros.read()).buffer), add),
      scales: await readFloat32(parts.scales),
    });
  return {
    ...{ name: `${name}.weight`, dtype: 'float32', type: '4-bit', shape: [N, K], bytes: 4 * N * K },
    read: async () => new Uint8Array((await matrix()).onHost().buffer),
    packed: {
      read: matrix,
      scales: parts.scales,
      bytes: Object.values(parts).reduce((sum, part) => sum + (part?.bytes ?? 0), 0),
    },
  };
}

function described({ groupSize, symmetric }: Quantisation, scattered: boolean): string {
  const groups = groupSize === -1 ? 'one group' : `groups of ${groupSize}`;
  const order = scattered ? ', scattered by activation' : '';
  return `4-bit weights (GPTQ, ${groups}${order}, ${symmetric ? 'symmetric' : 'with zeros of their own'})`;
}
