import { join } from 'node:path';
import { largestWeight } from '../checkpoint/folder.ts';
import { InputError } from '../error.ts';
import { DEVICE_NAMES, type DeviceName, defaultThreads, type OpenedDevice, openDevice } from '../open-device.ts';
import { ROOT } from '../shipped.ts';

export const OPTIONS = {
  model: { type: 'string' },
  adapter: { type: 'string' },
  device: { type: 'string' },
  threads: { type: 'string' },
  memory: { type: 'string' },
  resident: { type: 'boolean' },
  'max-new-tokens': { type: 'string' },
  'min-new-tokens': { type: 'string' },
  temperature: { type: 'string' },
  'top-k': { type: 'string' },
  'top-p': { type: 'string' },
  'repetition-penalty': { type: 'string' },
  seed: { type: 'string' },
  stop: { type: 'string', multiple: true },
  boxes: { type: 'string' },
  tokens: { type: 'string' },
  output: { type: 'string', short: 'o' },
  encode: { type: 'string' },
  decode: { type: 'string' },
  tap: { type: 'string', multiple: true },
  taps: { type: 'boolean' },
  mode: { type: 'string' },
  html: { type: 'string' },
  json: { type: 'string' },
  judge: { type: 'string' },
  resume: { type: 'string' },
  tolerances: { type: 'string' },
  golden: { type: 'string' },
  roofs: { type: 'boolean' },
  train: { type: 'boolean' },
  recompute: { type: 'boolean' },
  stage: { type: 'string' },
  steps: { type: 'string' },
  batch: { type: 'string' },
  rate: { type: 'string' },
  pack: { type: 'string' },
  shares: { type: 'string' },
  lora: { type: 'string' },
  'lora-alpha': { type: 'string' },
  'lora-targets': { type: 'string' },
  out: { type: 'string' },
  price: { type: 'boolean' },
  scenes: { type: 'string' },
  style: { type: 'string' },
  trace: { type: 'string' },
  show: { type: 'string' },
  task: { type: 'string' },
  from: { type: 'string' },
  debug: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The options as they were given: numbers are still text. */
export interface Options {
  model?: string;
  adapter?: string;
  device?: string;
  threads?: string;
  memory?: string;
  resident?: boolean;
  'max-new-tokens'?: string;
  'min-new-tokens'?: string;
  temperature?: string;
  'top-k'?: string;
  'top-p'?: string;
  'repetition-penalty'?: string;
  seed?: string;
  stop?: string[];
  boxes?: string;
  tokens?: string;
  output?: string;
  encode?: string;
  decode?: string;
  tap?: string[];
  taps?: boolean;
  mode?: string;
  html?: string;
  json?: string;
  judge?: string;
  resume?: string;
  tolerances?: string;
  golden?: string;
  roofs?: boolean;
  train?: boolean;
  recompute?: boolean;
  stage?: string;
  steps?: string;
  batch?: string;
  rate?: string;
  pack?: string;
  shares?: string;
  lora?: string;
  'lora-alpha'?: string;
  'lora-targets'?: string;
  out?: string;
  price?: boolean;
  scenes?: string;
  style?: string;
  trace?: string;
  show?: string;
  task?: string;
  from?: string;
  debug?: boolean;
  help?: boolean;
}

const ANSWERING = ['demo', 'ask', 'chat'];
const LOADING = [...ANSWERING, 'profile'];

/** The commands that heed an option: given to another one it is refused, not ignored. */
export const TAKEN_BY: Readonly<Record<keyof Options, readonly string[] | 'all'>> = {
  model: ['ask', 'chat', 'inspect', 'tokenizer', 'verify', 'trace', 'profile', 'explain', 'train', 'eval', 'merge'],
  adapter: ['ask', 'chat', 'profile', 'verify', 'trace', 'inspect', 'merge', 'eval'],
  device: [...LOADING, 'verify', 'trace', 'compare', 'explain', 'train', 'eval', 'merge'],
  threads: [...LOADING, 'verify', 'trace', 'explain', 'train', 'eval', 'merge'],
  memory: [...LOADING, 'verify', 'trace', 'eval', 'inspect', 'merge'],
  resident: [...LOADING, 'eval'],
  'max-new-tokens': [...ANSWERING, 'eval'],
  'min-new-tokens': ANSWERING,
  temperature: ANSWERING,
  'top-k': ANSWERING,
  'top-p': ANSWERING,
  'repetition-penalty': ANSWERING,
  seed: [...ANSWERING, 'train', 'eval', 'data'],
  stop: ANSWERING,
  boxes: ['demo', 'ask'],
  tokens: ['inspect', 'profile'],
  output: ['tokenizer', 'trace', 'merge'],
  encode: ['tokenizer'],
  decode: ['tokenizer'],
  tap: ['verify', 'trace', 'compare'],
  taps: ['inspect'],
  mode: ['verify'],
  html: ['verify', 'compare', 'profile', 'eval', 'data'],
  json: ['verify', 'compare', 'profile', 'eval'],
  judge: ['verify'],
  resume: ['verify', 'train'],
  tolerances: ['verify', 'compare'],
  golden: ['explain'],
  roofs: ['profile'],
  train: ['profile'],
  recompute: ['profile'],
  stage: ['train', 'data'],
  steps: ['train'],
  batch: ['train', 'profile'],
  rate: ['train'],
  pack: ['train'],
  shares: ['train', 'data'],
  lora: ['train'],
  'lora-alpha': ['train'],
  'lora-targets': ['train'],
  out: ['train', 'data'],
  price: ['train'],
  scenes: ['eval'],
  style: ['eval'],
  trace: ['profile'],
  show: ['data'],
  task: ['data'],
  from: ['data'],
  debug: 'all',
  help: 'all',
};

/** A golden, and what it is compared with where its place does not tell. */
export interface NamedGolden {
  readonly path: string;
  readonly model?: string | undefined;
  readonly adapter?: string | undefined;
}

const shipped = (...names: readonly string[]): string => join(ROOT, 'golden', ...names);
const adapted = (name: string, model: string): NamedGolden => ({
  path: shipped('tiny-lora', 'activations', name),
  model,
  adapter: shipped('tiny-lora', name),
});

/** The goldens that come with it, and that `verify` takes where none is named. */
export const SHIPPED_GOLDENS: readonly NamedGolden[] = [
  ...['preprocess', 'pictures', 'tokenizer', 'quirks', 'picture-book', 'tiny', 'tiny-int4'].map((name) => ({
    path: shipped(name),
  })),
  { path: shipped('tiny-int4', 'act-order') },
  adapted('finetune', shipped('tiny')),
  adapted('modern', shipped('tiny')),
  adapted('qlora', shipped('tiny-int4')),
  // The smallest that has the gradient of every module; all of golden/train takes `cpu` half a minute.
  { path: shipped('train', 'grad-e') },
];

const MOST_THREADS = 64;

/** @throws InputError when the option is there and is no whole number from 1 to `most` */
export function wholeNumber(
  options: Options,
  name: 'threads' | 'tokens' | 'max-new-tokens' | 'steps' | 'batch' | 'scenes' | 'lora' | 'pack',
  most: number,
) {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new InputError(`--${name}`, `"${text}", expected a whole number from 1 to ${most}`, 'give such a number');
}

/** How many threads a device is opened with. @throws InputError */
export const threadsOf = (options: Options): number =>
  wholeNumber(options, 'threads', MOST_THREADS) ?? defaultThreads();

/**
 * Opens the device that is asked for.
 *
 * @param model the folder of the model that it is for
 * @throws InputError for a name that is no device, DeviceError for one that is not to be had here
 */
export async function openDeviceFor(options: Options, model?: string): Promise<OpenedDevice> {
  const name = options.device ?? 'auto';
  if (!DEVICE_NAMES.includes(name as DeviceName)) {
    throw new InputError('--device', `"${name}", expected one of ${DEVICE_NAMES.join(', ')}`, 'choose one of them');
  }
  return openDevice(
    name as DeviceName,
    threadsOf(options),
    model === undefined ? undefined : () => largestWeight(model),
  );
}

/** `--memory` in bytes; undefined leaves it to the machine. @throws InputError for what is no number of gigabytes */
export function memoryBytes({ memory }: Options): number | undefined {
  if (memory === undefined) return undefined;
  const gigabytes = Number(memory);
  if (memory.trim() !== '' && gigabytes >= 0 && gigabytes < 1e6) return gigabytes * 1e9;
  throw new InputError('--memory', `"${memory}", expected a number of gigabytes`, 'as in: --memory 8');
}
