import { openFile } from '../../src/checkpoint/file-source.ts';
import { openAdapted } from '../../src/checkpoint/lora.ts';
import { openGolden } from '../../src/verify/golden.ts';

const LORA = 'golden/tiny-lora';

/** Every golden of a model in 4 bits or with a LoRA adapter, and how many activations it must name. */
export const COMPACT = [
  { name: 'int4', of: 'golden/tiny-int4', adapter: undefined, taps: 7 },
  { name: 'act-order', of: 'golden/tiny-int4/act-order', adapter: undefined, taps: 5 },
  { name: 'finetune', of: 'golden/tiny', adapter: `${LORA}/finetune`, taps: 7 },
  { name: 'modern', of: 'golden/tiny', adapter: `${LORA}/modern`, taps: 3 },
  { name: 'qlora', of: 'golden/tiny-int4', adapter: `${LORA}/qlora`, taps: 3 },
] as const;

export type Compact = (typeof COMPACT)[number];

/** The folder of its answers. */
export const folderOf = ({ of, adapter }: Compact): string => (adapter ? LORA : of);

/** What the golden is called there, and its file. */
export const goldenNameOf = ({ name, adapter }: Compact): string => (adapter ? name : 'describe');

export async function openCompact(wanted: Compact) {
  const base = `${folderOf(wanted)}/activations/${goldenNameOf(wanted)}`;
  const files = await Promise.all([openFile(`${base}.safetensors`), openFile(`${base}.f64.safetensors`)]);
  const [golden, checkpoint] = await Promise.all([
    openGolden(files[0], files[1], { name: wanted.name }),
    openAdapted(wanted.of, wanted.adapter),
  ]);
  return {
    golden,
    checkpoint,
    async close() {
      await Promise.all([checkpoint.close(), ...files.map((file) => file.close())]);
    },
  };
}
