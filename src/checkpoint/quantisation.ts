import { CheckpointError } from '../error.ts';
import { isObject, readFields } from '../fields.ts';
import { quote } from '../quote.ts';

/** How the weights of a folder were packed in 4 bits by GPTQ. */
export interface Quantisation {
  /** Inputs that share a scale; −1: all of a matrix. */
  readonly groupSize: number;
  /** Zeros are stored less one (`gptq`, what AutoGPTQ writes) or as they are (`gptq_v2`). */
  readonly format: 'gptq' | 'gptq_v2';
  /** Every zero is 8. */
  readonly symmetric: boolean;
  /** Inputs were quantised by falling activation: a group's members may be scattered. */
  readonly byActivation: boolean;
  /** What the files are called, without their ending. */
  readonly fileNames: readonly string[];
}

/** What a folder says of its weights. */
export interface QuantisationSources {
  /** The content of config.json. */
  readonly config: unknown;
  /** The content of quantize_config.json, which AutoGPTQ writes, where it is there. */
  readonly beside: unknown;
  readonly files: ReadonlySet<string>;
}

const REMEDY = 'use a checkpoint of GPTQ in 4 bits, or the one that it was made from';

/**
 * How a folder's weights were quantised, if they were. What has no effect on reading them is ignored.
 *
 * @param path the folder
 * @throws CheckpointError naming what is other mathematics, or another packing
 */
export function parseQuantisation(
  path: string,
  { config, beside, files }: QuantisationSources,
): Quantisation | undefined {
  const within = isObject(config) ? (config.quantization_config ?? undefined) : undefined;
  if (within === undefined && beside === undefined) {
    if (files.has('quant_config.json')) throw otherMethod(path, 'AWQ');
    return undefined;
  }
  const said = within ?? beside;
  if (!isObject(said)) throw otherMethod(path, `quantization_config is ${quote(said)}`);
  // AutoGPTQ's own file does not name a method.
  const method = said.quant_method ?? said.method ?? (within === undefined ? 'gptq' : undefined);
  if (method !== 'gptq') throw otherMethod(path, methodOf(said, method));
  const fields = readFields(said, `${path}, quantisation`, REMEDY);
  const format = said.checkpoint_format ?? said.format ?? 'gptq';
  const bits = fields.integer('bits', 1, 16);
  fields.rule([bits], bits === 4, `bits is ${bits}, expected 4`);
  fields.rule(
    [],
    format === 'gptq' || format === 'gptq_v2',
    `the format is ${quote(format)}, expected "gptq" or "gptq_v2"`,
  );
  const packing = said.pack_dtype ?? 'int32';
  fields.rule([], packing === 'int32', `pack_dtype is ${quote(packing)}, expected "int32"`);
  const dynamic = said.dynamic ?? {};
  const uniform = isObject(dynamic) && Object.keys(dynamic).length === 0;
  fields.rule([], uniform, 'dynamic has settings of single modules, expected none');
  const groupSize = said.group_size === -1 ? -1 : fields.integer('group_size', 1, 1 << 17);
  const symmetric = fields.boolean('sym', true);
  const byActivation = fields.boolean('desc_act', false);
  fields.finish();
  return {
    ...{ groupSize, format: format as Quantisation['format'], symmetric, byActivation },
    fileNames: fileNames(said.model_file_base_name, groupSize),
  };
}

/** A name from a file is taken where it is a plain one; it never leads out of the folder. */
function fileNames(named: unknown, groupSize: number): readonly string[] {
  const usual = `gptq_model-4bit-${groupSize}g`;
  return typeof named === 'string' && /^[\w-][\w.-]{0,100}$/.test(named) ? [named, usual] : [usual];
}

const otherMethod = (path: string, method: string) =>
  new CheckpointError(path, `its weights are quantised (${method}), which is not read here`, REMEDY);

function methodOf(said: Readonly<Record<string, unknown>>, method: unknown): string {
  if (typeof method === 'string') return quote(method);
  return 'load_in_4bit' in said || 'load_in_8bit' in said ? 'bitsandbytes' : 'as its quantization_config says';
}
