import type { Device } from '../../tensor/device.ts';
import { hear } from '../profile/hear.ts';
import { leastMilliseconds } from '../profile/rates.ts';
import { roofsOf } from '../profile/roof-cache.ts';
import type { RunSettings } from '../train/settings.ts';
import type { StepRecord } from '../train/state.ts';
import { dim, say, thousands } from './terminal.ts';

/** A run that is over before roofs would be measured does without. */
const FEW_STEPS = 50;
const LINE_MILLISECONDS = 1000;

/** A line a second at most: of the steps since the line before. */
export async function reportTraining(
  device: Device,
  threads: number,
  { phases }: RunSettings,
): Promise<{ step(record: StepRecord): void; stop(): void }> {
  const all = phases.reduce((sum, { recipe }) => sum + recipe.steps, 0);
  const measuring = () => say(dim('  the roofs of this machine are measured, which takes some seconds'));
  const roofs = all > FEW_STEPS && device.name === 'simd' ? await roofsOf(device, threads, { measuring }) : undefined;
  /** The least time that the machine needs for what was launched. */
  let least = 0;
  const stop = hear(device, {
    onLaunch: (launch) => {
      least += roofs ? (leastMilliseconds(launch, roofs) ?? 0) : 0;
    },
  });
  let since: StepRecord[] = [];
  let last = performance.now();

  return {
    step(record) {
      since.push(record);
      const phase = phases.findIndex((each) => each.phase === record.phase);
      const over = record.step === phases[phase].recipe.steps;
      const now = performance.now();
      if (now - last < LINE_MILLISECONDS && !over) return;
      const seconds = (now - last) / 1000;
      const left = phases.slice(phase).reduce((sum, { recipe }) => sum + recipe.steps, 0) - record.step;
      const share = roofs ? ` · ${((100 * least) / (now - last)).toFixed(0)} % of the roof` : '';
      const total = (of: 'tokens' | 'pictures') => since.reduce((sum, each) => sum + each[of], 0) / seconds;
      const losses = Object.entries(meanByTask(since)).map(([task, loss]) => `${task} ${loss.toFixed(3)}`);
      const mean = since.reduce((sum, { loss }) => sum + loss, 0) / since.length;
      say(
        `${record.phase} ${record.step} of ${phases[phase].recipe.steps} · loss ${mean.toFixed(3)}${losses.length > 1 ? dim(` (${losses.join(', ')})`) : ''}` +
          dim(
            ` · ${thousands(total('tokens'))} tokens/s, ${total('pictures').toFixed(1)} pictures/s${share} · ${duration((left * seconds) / since.length)} left`,
          ),
      );
      since = [];
      least = 0;
      last = now;
    },
    stop,
  };
}

function meanByTask(records: readonly StepRecord[]): Record<string, number> {
  const found = new Map<string, number[]>();
  for (const { tasks } of records) {
    for (const [task, loss] of Object.entries(tasks)) found.set(task, [...(found.get(task) ?? []), loss]);
  }
  return Object.fromEntries(
    [...found]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([task, losses]) => [task, losses.reduce((a, b) => a + b) / losses.length]),
  );
}

/** 5025 → `1 h 24 min`. */
function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
