import { parseLoraConfig } from '../../src/checkpoint/lora-config.ts';
import { parseQuantisation } from '../../src/checkpoint/quantisation.ts';
import { goldenText } from './files.ts';
import { jsonTarget, parseJson, promise, type Target } from './target.ts';

const LAYER = 'transformer.h.1.mlp.w1';

function readLoraConfig(text: string): void {
  const { rankOf, scaleOf, notes } = parseLoraConfig(parseJson(text), 'adapter_config.json');
  promise(rankOf(LAYER) > 0, 'a layer has a rank');
  promise(Number.isFinite(scaleOf(LAYER)), 'a layer has a scale');
  promise(
    notes.every((note) => note.length < 500 && !/\p{Cc}/u.test(note)),
    'what is unusual is said in a line',
  );
}

function readQuantisation(text: string): void {
  const sources = { config: undefined, beside: parseJson(text), files: new Set<string>() };
  const found = parseQuantisation('case', sources);
  promise(found === undefined || found.groupSize === -1 || found.groupSize > 0, 'a group has inputs');
  promise(found?.fileNames.every((name) => !name.includes('/')) ?? true, 'its files lie in the folder');
}

/** What comes with weights in 4 bits, and with LoRA adapters. */
export const compactTargets: Readonly<Record<string, Target>> = {
  'lora-config': jsonTarget(
    () => ['modern', 'finetune'].flatMap((name) => goldenText(`tiny-lora/${name}/adapter_config.json`)),
    readLoraConfig,
  ),
  quantisation: jsonTarget(() => goldenText('tiny-int4/quantize_config.json'), readQuantisation),
};
