import { totalmem } from 'node:os';
import { isVision } from '../architecture/weight-shapes.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { changedLayers, relativeChange } from '../checkpoint/lora-size.ts';
import { defaultMemory, residence, type WeightKeeping, weightBytes } from '../checkpoint/memory.ts';
import type { StoredTensor } from '../checkpoint/stored-tensor.ts';
import { dim, print, say, sayPassing, thousands } from './terminal.ts';

/** How devices keep weights: `simd` as small as they are given, all others in float32. */
const SIMD: WeightKeeping = { bfloat16: true, pack: () => undefined };
const OTHERS: WeightKeeping = {};

const PARTS: readonly (readonly [name: string, holds: (name: string) => boolean])[] = [
  ['sees pictures', isVision],
  ['decoder', (name) => !isVision(name)],
];

const STAYS = {
  all: 'all of it stays in memory',
  decoder: 'the decoder stays in memory, what sees pictures is read from its files whenever it runs',
  none: 'nothing stays in memory: every block reads its own weights whenever it runs',
};

/** What the weights of a folder take in its files and on devices, and whether that fits this machine. */
export function printWeights(checkpoint: Checkpoint, memory = defaultMemory()): void {
  for (const note of checkpoint.notes) print(note);
  const row = (cells: readonly string[]) =>
    print(
      `  ${cells[0].padEnd(16)} ${cells
        .slice(1, 4)
        .map((cell) => cell.padStart(12))
        .join(' ')}  ${cells[4]}`,
    );
  row(['weights', 'files', 'simd', 'elsewhere', 'stored as']);
  const isFactor = (name: string) => checkpoint.lora?.has(name) ?? false;
  const tensorsOf = (holds: (name: string) => boolean) =>
    [...checkpoint.tensors].flatMap(([name, tensor]) => (holds(name) ? [tensor] : []));
  const inMemory = (tensors: readonly StoredTensor[]) =>
    [SIMD, OTHERS].map((keeping) => thousands(weightBytes({ tensors: namedBy(tensors) }, keeping).all, 'B'));
  for (const [name, holds] of PARTS) {
    const tensors = tensorsOf((each) => holds(each) && !isFactor(each));
    row([name, thousands(sum(tensors.map(fileBytes)), 'B'), ...inMemory(tensors), types(tensors)]);
  }
  const factors = tensorsOf(isFactor);
  if (factors.length > 0) row(['LoRA factors', '', ...inMemory(factors), 'B with the scale in it, in float32']);
  print(
    `  this machine has ${thousands(totalmem(), 'B')}; weights may take ${thousands(memory, 'B')} of it (--memory):`,
  );
  for (const [name, keeping] of [
    ['simd', SIMD],
    ['elsewhere', OTHERS],
  ] as const) {
    print(`  ${name.padEnd(16)} ${STAYS[residence(checkpoint, keeping, memory)]}`);
  }
}

const namedBy = (tensors: readonly StoredTensor[]) => new Map(tensors.map((tensor) => [tensor.name, tensor]));
const fileBytes = ({ bytes, packed }: StoredTensor): number => packed?.bytes ?? bytes;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The types of tensors with what each takes in the files, the largest first. */
function types(tensors: readonly StoredTensor[]): string {
  const bytes = new Map<string, number>();
  for (const tensor of tensors) {
    const type = tensor.packed ? '4-bit' : (tensor.dtype ?? tensor.type);
    bytes.set(type, (bytes.get(type) ?? 0) + fileBytes(tensor));
  }
  const largest = [...bytes].sort(([, a], [, b]) => b - a);
  return largest.map(([type, count]) => `${type} ${thousands(count, 'B')}`).join(', ');
}

/** What the adapter that was put on changes, layer by layer. */
export async function printChanges(checkpoint: Checkpoint): Promise<void> {
  const layers = changedLayers(checkpoint);
  if (layers.length === 0) return;
  const width = Math.max(...layers.map(({ length }) => length));
  print(`  ${'layer'.padEnd(width)}  rank  size of the change beside its weight`);
  for (const [i, layer] of layers.entries()) {
    if (layers.length > 32) sayPassing(dim(`  ${i} of ${layers.length} layers`));
    const size = await relativeChange(checkpoint, layer);
    const [rank] = checkpoint.lora!.get(`${layer}.lora_A.weight`)!;
    const said = Number.isFinite(size) ? `${(100 * size).toPrecision(3)} %` : 'none: it or the weight is no number';
    print(`  ${layer.padEnd(width)}  ${`${rank}`.padStart(4)}  ${said}`);
  }
  say('');
}
