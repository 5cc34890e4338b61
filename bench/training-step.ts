import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../src/architecture/config.ts';
import { proceduralCheckpoint } from '../src/checkpoint/procedural.ts';
import { freeModel, loadModel } from '../src/model/qwen-vl.ts';
import { lossAndGradients } from '../src/train/gradients.ts';
import { treatments } from '../src/train/groups.ts';
import { createOptimiser } from '../src/train/optimiser.ts';
import { practiceBatch } from '../src/train/practice-batch.ts';
import type { Device } from '../tensor/device.ts';
import { type Bench, costOf, measureRow, settled } from './bench.ts';
import { type Subject, timed } from './measure.ts';

const RATE = 1e-5;
const PYTORCH = fileURLToPath(new URL('pytorch_step.py', import.meta.url));
const CONFIG = fileURLToPath(new URL('../golden/tiny/config.json', import.meta.url));

interface Size {
  readonly conversations: number;
  readonly tokens: number;
}

/** One step of training, everything trained: forwards, backwards, clipping, AdamW; PyTorch beside it where Python has it. */
export async function benchStep(bench: Bench, config: Config, size: Size): Promise<void> {
  const name = `step, ${size.conversations} × ${size.tokens} tokens`;
  const [kept, alone, again] = await Promise.all([
    step('simd', bench.simd, config, size, false),
    step('simd, 1 thread', bench.alone, config, size, false),
    step('simd', bench.simd, config, size, true),
  ]);
  try {
    const python = pytorch(bench.threads, size);
    await row(name, kept, [kept, alone, ...(python ? [python] : [])]);
    await row(`${name}, blocks run again`, again, [again]);
  } finally {
    for (const each of [kept, alone, again]) each.free();
  }

  async function row(name: string, first: Step, subjects: readonly Subject[]): Promise<void> {
    await measureRow(bench, { section: 'training', name, limit: 'arithmetic', ...(await first.cost()) }, subjects);
  }
}

interface Step extends Subject {
  /** Of a step, all its launches together. */
  cost(): Promise<{ operations: number; bytes: number }>;
  free(): void;
}

async function step(name: string, device: Device, config: Config, size: Size, recompute: boolean): Promise<Step> {
  const model = loadModel(device, config, proceduralCheckpoint(config, false));
  const batch = practiceBatch(config, size);
  const optimiser = createOptimiser(model, treatments(config, { decay: 0.05, layerDecay: 0.95 }));
  const once = async (): Promise<void> => {
    const { gradients } = await lossAndGradients(model, batch, { recompute });
    await optimiser.step(gradients, RATE);
    await settled(device);
  };
  return {
    name,
    run: () => timed(once),
    cost: () => costOf(device, once),
    free() {
      optimiser.free();
      freeModel(model);
    },
  };
}

/** Steps of PyTorch in a process of its own: each run of this subject starts one, and is its median. */
function pytorch(threads: number, { conversations, tokens }: Size): Subject | undefined {
  const run = (steps: number) => {
    const words = [PYTORCH, CONFIG, '--threads', threads, '--steps', steps].map(String);
    const sizes = ['--conversations', conversations, '--tokens', tokens].map(String);
    const env = { ...process.env, OMP_NUM_THREADS: String(threads), OMP_WAIT_POLICY: 'passive' };
    return spawnSync('python3', [...words, ...sizes], { encoding: 'utf8', env });
  };
  const { status, stderr, error } = run(1);
  if (status !== 0) {
    console.error(`left out: PyTorch: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  return {
    name: 'PyTorch',
    async run() {
      return 1000 * (JSON.parse(run(3).stdout) as { seconds: number }).seconds;
    },
  };
}
