/**
 * What it costs that one could profile: `npx tsx bench/profile-overhead.ts`. The engine as it is, nobody listening, against copies
 * without the places where one could listen, in one process, in turns; and, for comparison, watched. The work is decoding with the
 * shipped model: launches are many and small, so that nothing shows what they cost better.
 *
 * Two engines of the same text differ by a percent or two, by what the compiler made of them and where it put it. So there are two
 * of each kind, and several processes, and how far those of one kind stand apart is printed beside.
 */
import { execFile } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ROOT, SHIPPED_MODEL } from '../src/shipped.ts';

/** Inside the project, so that they find its packages. */
const COPIES = join(ROOT, 'out', 'profile-overhead');
const STEPS = 40;
const PROCESSES = 6;
const ROUNDS = 60;
const WARM_UP = 20;

/** The engines: with hooks and without, two of each. */
const ENGINES = ['listened', 'listened again', 'without', 'without again'] as const;
type Engine = (typeof ENGINES)[number];

/** Where launches and transfers find who listens, and what is there when nobody ever does. */
const HOOKS: readonly (readonly [file: string, hook: string, without: string])[] = [
  ['tensor/op.ts', 'const { onLaunch } = device;', 'const onLaunch = undefined;'],
  ['tensor/tensor.ts', 'const { driver, onTransfer } = device;', 'const { driver } = device, onTransfer = undefined;'],
  ['tensor/tensor.ts', 'device.onTransfer?.(', 'undefined?.('],
];

async function makeCopies(): Promise<void> {
  await rm(COPIES, { recursive: true, force: true });
  for (const engine of ENGINES) {
    for (const folder of ['tensor', 'kernels', 'src']) {
      await cp(join(ROOT, folder), join(COPIES, engine, folder), { recursive: true });
    }
    if (engine.startsWith('listened')) continue;
    for (const [file, hook, without] of HOOKS) {
      const path = join(COPIES, engine, file);
      await writeFile(path, replaced(await readFile(path, 'utf8'), hook, without));
    }
  }
}

function replaced(text: string, hook: string, without: string): string {
  if (text.split(hook).length !== 2) throw new Error(`"${hook}" is not there once: say here what hooks look like now`);
  return text.replace(hook, without);
}

/** Milliseconds of some steps of decoding, by the engine that lies in a folder. */
async function decoding(folder: string): Promise<{ run(watched?: boolean): Promise<number>; close(): Promise<void> }> {
  const load = <Module>(path: string) => import(pathToFileURL(join(folder, path)).href) as Promise<Module>;
  const { openDevice } = await load<typeof import('../src/open-device.ts')>('src/open-device.ts');
  const { openSystem } = await load<typeof import('../src/generate/open-system.ts')>('src/generate/open-system.ts');
  const { generate } = await load<typeof import('../src/generate/generate.ts')>('src/generate/generate.ts');
  const { createSampler, GREEDY } = await load<typeof import('../src/generate/sample.ts')>('src/generate/sample.ts');
  const { watch } = await load<typeof import('../src/profile/watch.ts')>('src/profile/watch.ts');
  const { device } = await openDevice('simd', 1);
  const { model, close } = await openSystem(SHIPPED_MODEL, device);
  const prompt = Int32Array.of(5, 6, 7, 8);
  return {
    close,
    async run(watched = false) {
      const watching = watched ? watch(device, 'fused') : undefined;
      watching?.enter('decode');
      const start = performance.now();
      const samplers = [createSampler(GREEDY, prompt, [])];
      const steps = generate(model, [prompt], undefined, { maxNewTokens: STEPS, samplers, ends: () => false });
      for await (const _ of steps);
      await device.queue.idle();
      const time = performance.now() - start;
      watching?.stop();
      return time;
    },
  };
}

/** Of one process: medians of ratios within a round, and of a step. */
interface Ratios {
  readonly milliseconds: number;
  readonly unheard: number;
  readonly watched: number;
  /** Of the two engines of a kind. */
  readonly apart: number;
}

async function measure(): Promise<Ratios> {
  const opened = await Promise.all(ENGINES.map((engine) => decoding(join(COPIES, engine))));
  const rounds: Record<Engine, number>[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const times: Partial<Record<Engine, number>> = {};
    // Whoever comes first finds the garbage of whoever came last: they change places.
    for (let turn = 0; turn < ENGINES.length; turn++) {
      const i = (turn + WARM_UP + round) % ENGINES.length;
      times[ENGINES[i]] = await opened[i].run();
    }
    if (round >= 0) rounds.push(times as Record<Engine, number>);
  }
  const watched: number[] = [];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const ratio = (await opened[0].run(true)) / (await opened[1].run());
    if (round >= 0) watched.push(ratio);
  }
  for (const { close } of opened) await close();
  const ratio = (of: (times: (typeof rounds)[number]) => number) => median(rounds.map(of));
  return {
    milliseconds: ratio((t) => t.without / STEPS),
    unheard: ratio((t) => (t.listened + t['listened again']) / (t.without + t['without again'])),
    watched: median(watched),
    apart: ratio((t) => t['listened again'] / t.listened),
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const percent = (ratio: number): string => `${ratio >= 1 ? '+' : ''}${(100 * (ratio - 1)).toFixed(2)} %`;

if (process.argv[2] === 'child') {
  console.log(JSON.stringify(await measure()));
} else {
  await makeCopies();
  const found: Ratios[] = [];
  for (let i = 0; i < PROCESSES; i++) {
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, process.argv[1], 'child']);
    found.push(JSON.parse(stdout) as Ratios);
  }
  await rm(COPIES, { recursive: true, force: true });
  const line = (name: keyof Ratios) => {
    const all = found.map((ratios) => ratios[name]);
    return `${percent(median(all)).padStart(8)}   from ${percent(Math.min(...all))} to ${percent(Math.max(...all))}`;
  };
  console.log(
    `a step without hooks           ${median(found.map((one) => one.milliseconds)).toFixed(3)} ms; medians of ${PROCESSES} processes`,
  );
  console.log(`nobody listening             ${line('unheard')}`);
  console.log(`two engines of the same text ${line('apart')}`);
  console.log(`watched, as it runs          ${line('watched')}`);
}
