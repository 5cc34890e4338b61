import { CheckpointError } from '../error.ts';
import { quoteSome } from '../quote.ts';

/** Weights in formats that are not read here, by what their files are called. */
const FOREIGN_WEIGHTS: readonly (readonly [RegExp, string])[] = [
  [/\.(gguf|ggml)$/i, 'converted for llama.cpp'],
  [/\.h5$/, 'of TensorFlow'],
  [/\.msgpack$/, 'of Flax'],
  [/\.onnx$/, 'of ONNX'],
  [/\.(part|partial|incomplete|aria2|crdownload|tmp)$/, 'not downloaded to the end'],
  [/\.(bin|safetensors|pth|pt|ckpt)$/, 'under other names'],
];

/**
 * @param files the names in the folder
 * @throws CheckpointError for a folder that holds, instead of a model or beside it, what changes one
 */
export function refuseAdapter(path: string, files: ReadonlySet<string>): void {
  if (!['adapter_config.json', 'adapter_model.safetensors', 'adapter_model.bin'].some((file) => files.has(file)))
    return;
  const [found, remedy] = files.has('config.json')
    ? [' beside its model', "move the adapter's files to a folder of their own, and give that with --adapter"]
    : [', not a model', 'give it with --adapter, and the model that it is for with --model'];
  throw new CheckpointError(path, `it holds a LoRA adapter${found}`, remedy);
}

/** The error for a folder without weights that are read here. */
export function noWeights(path: string, files: ReadonlySet<string>, expected: readonly string[]): CheckpointError {
  const kinds = FOREIGN_WEIGHTS.map(
    ([pattern, what]) => [[...files].filter((file) => pattern.test(file)), what] as const,
  );
  const [names, what] = kinds.find(([found]) => found.length > 0) ?? [[], ''];
  const instead = names.length > 0 ? `; what is there is ${what} (${quoteSome(names.sort())})` : '';
  const found = `no weights, expected ${expected.join(' or ')}${instead}`;
  return new CheckpointError(path, found, 'download the whole checkpoint of PyTorch');
}
