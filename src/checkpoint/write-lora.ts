import { join } from 'node:path';
import { writeWhole } from '../write-file.ts';
import { writeSafetensors } from './safetensors.ts';
import type { HostTensor } from './stored-tensor.ts';

/** What a LoRA adapter's folder says of it. */
export interface WrittenLora {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
  /** What the base was called where it was trained. */
  readonly base: string;
}

/**
 * Writes a LoRA adapter as PEFT does: `adapter_model.safetensors`, then `adapter_config.json`, each whole.
 *
 * @param factors A `[r, K]` and B `[N, r]`, without the scale, by their names below the model
 * @throws InputError when it cannot be written: what was there before still is
 */
export async function writeLora(
  folder: string,
  { rank, alpha, targets, base }: WrittenLora,
  factors: ReadonlyMap<string, HostTensor>,
  remedy: string,
): Promise<void> {
  const named = new Map([...factors].map(([name, factor]) => [`base_model.model.${name}`, factor]));
  await writeWhole(join(folder, 'adapter_model.safetensors'), writeSafetensors(named, { format: 'pt' }), { remedy });
  // All that version 0.5 of PEFT knows, in its order; later ones know how to read that.
  const config = {
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    revision: null,
    target_modules: targets,
    task_type: 'CAUSAL_LM',
  };
  await writeWhole(join(folder, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`, { remedy });
}
