import { CheckpointError } from '../error.ts';
import { isObject, readFields } from '../fields.ts';
import { quote } from '../quote.ts';

/** A LoRA adapter as its `adapter_config.json` describes it, as PEFT writes it. */
export interface LoraConfig {
  /** The scale of a module's change: `alpha / r`, or with `use_rslora` (Kalajdzievski 2023, arXiv 2312.03732) `alpha / √r`. */
  scaleOf(module: string): number;
  /** Its rank. */
  rankOf(module: string): number;
  /** What training changed, as ends of modules' names; undefined where it is said in another way. */
  readonly targets: readonly string[] | undefined;
  /** Ends of the names of modules that were trained as a whole. */
  readonly whole: readonly string[];
  /** What the base was called where it was trained: for people, it is never opened. */
  readonly base: string | undefined;
  readonly notes: readonly string[];
}

const REMEDY = 'use an adapter of plain LoRA, or a model that it was merged into';
const MOST_RANK = 1 << 16;

/** What PEFT can be told and means other mathematics, where it is neither null, false nor empty. */
const OTHER_MATHEMATICS = [
  'use_dora',
  'use_qalora',
  'use_bdlora',
  'alora_invocation_tokens',
  'arrow_config',
  'target_parameters',
  'trainable_token_indices',
  'layer_replication',
  'lora_bias',
  'velora_config',
  'monteclora_config',
  'kasa_config',
];

/** These begin by changing the base, so that the base as published is the wrong one. */
const CHANGES_THE_BASE = /^(pissa|corda|olora|lora_ga|loftq|eva)/i;

/**
 * Checks a parsed `adapter_config.json`. Fields that say nothing about reading it are ignored.
 *
 * @param where the file, for errors
 * @throws CheckpointError naming everything that is missing, impossible, or other mathematics
 */
export function parseLoraConfig(json: unknown, where: string): LoraConfig {
  const fields = readFields(json, where, REMEDY);
  const said = isObject(json) ? json : {};
  const { peft_type: type, init_lora_weights: init } = said;
  if (type !== 'LORA') throw new CheckpointError(where, `peft_type is ${quote(type)}, expected "LORA"`, REMEDY);
  for (const name of OTHER_MATHEMATICS) {
    if (!isNothing(said[name])) fields.rule([], false, `${name} is ${quote(said[name])}, which is not done here`);
  }
  const changes = typeof init === 'string' && CHANGES_THE_BASE.test(init);
  fields.rule([], !changes, `init_lora_weights is ${quote(init)}, which changes the base too`);
  const r = fields.integer('r', 1, MOST_RANK);
  const alpha = fields.number('lora_alpha', 0, 1e9);
  const root = fields.boolean('use_rslora', false);
  const ranks = patterns(said.rank_pattern, 'rank_pattern', where);
  const alphas = patterns(said.alpha_pattern, 'alpha_pattern', where);
  fields.oneOf('bias', ['none', 'all', 'lora_only'], 'none');
  const transposed = fields.boolean('fan_in_fan_out', false);
  fields.finish();
  const rankOf = (module: string) => ranks(module) ?? r;
  return {
    rankOf,
    scaleOf: (module) => (alphas(module) ?? alpha) / (root ? Math.sqrt(rankOf(module)) : rankOf(module)),
    targets: Array.isArray(said.target_modules) ? texts(said.target_modules) : undefined,
    whole: texts(said.modules_to_save),
    base: typeof said.base_model_name_or_path === 'string' ? said.base_model_name_or_path : undefined,
    notes: transposed
      ? ['the adapter says fan_in_fan_out, which has no effect: all of its layers are linear ones']
      : [],
  };
}

const isNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

const MOST_PATTERNS = 10_000;

/**
 * A number for modules by the ends of their names, the first that fits: PEFT takes each for a regular expression behind a dot. Only those
 * are taken that are sure to end soon: words, dots, digits, sets and choices, and at most two repetitions.
 */
function patterns(json: unknown, name: string, where: string): (module: string) => number | undefined {
  if (json === undefined || json === null) return () => undefined;
  const entries = isObject(json) ? Object.entries(json) : [];
  if (!isObject(json) || entries.length > MOST_PATTERNS) {
    throw new CheckpointError(where, `${name} is ${quote(json)}, expected an object of numbers`, REMEDY);
  }
  const compiled = entries.map(([pattern, value]) => {
    if (typeof value !== 'number' || !(value > 0 && value < 1e9)) {
      throw new CheckpointError(where, `${name} has ${quote(value)} for ${quote(pattern)}, expected a number`, REMEDY);
    }
    if (!SAFE.test(pattern) || (pattern.match(/[*+?]/g)?.length ?? 0) > 2) {
      throw new CheckpointError(where, `${name} has the pattern ${quote(pattern)}, which is not evaluated`, REMEDY);
    }
    return [new RegExp(`^(?:.*\\.)?(?:${pattern})$`), value] as const;
  });
  return (module) => compiled.find(([pattern]) => pattern.test(module))?.[1];
}

const SAFE = /^\^?(?:(?:[\w.-]|\\[.d]|\[[\w-]{1,20}\])[*+?]?|\(\w+(?:\|\w+)*\)){1,200}\$?$/;
