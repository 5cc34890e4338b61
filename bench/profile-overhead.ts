/**
 * What it costs that one could profile: `npx tsx bench/profile-overhead.ts`. The engine as it is, nobody listening, against a copy
 * without the places where one could listen, in pairs of runs in one process; and, for comparison, watched. The work is decoding
 * with the shipped model: launches are many and small, so that nothing shows what they cost better.
 */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Inside the project, so that it finds its packages. */
const COPY = join(ROOT, 'out', 'without-hooks');
const MODEL = join(ROOT, 'golden', 'tiny');
const STEPS = 40;
const PAIRS = 150;
const WARM_UP = 20;

/** Where launches and transfers find who listens, and what is there when nobody ever does. */
const HOOKS: readonly (readonly [file: string, hook: string, without: string])[] = [
  ['tensor/op.ts', 'const { onLaunch } = device;', 'const onLaunch = undefined;'],
  ['tensor/tensor.ts', 'const { onTransfer } = device;', 'const onTransfer = undefined;'],
];

/** A copy of the engine in which nobody can listen. */
async function copyWithoutHooks(): Promise<void> {
  await rm(COPY, { recursive: true, force: true });
  for (const folder of ['tensor', 'kernels', 'src']) {
    await cp(join(ROOT, folder), join(COPY, folder), { recursive: true });
  }
  for (const [file, hook, without] of HOOKS) {
    const path = join(COPY, file);
    await writeFile(path, replaced(await readFile(path, 'utf8'), hook, without));
  }
}

function replaced(text: string, hook: string, without: string): string {
  if (text.split(hook).length !== 2) throw new Error(`"${hook}" is not there once: say here what hooks look like now`);
  return text.replace(hook, without);
}

/** Milliseconds of some steps of decoding, by the engine that lies in a folder. */
async function decoding(folder: string): Promise<{ run(watched: boolean): Promise<number>; close(): Promise<void> }> {
  const load = <Module>(path: string) => import(pathToFileURL(join(folder, path)).href) as Promise<Module>;
  const { openDevice } = await load<typeof import('../tensor/open.ts')>('tensor/open.ts');
  const { openSystem } = await load<typeof import('../src/generate/system.ts')>('src/generate/system.ts');
  const { generate } = await load<typeof import('../src/generate/generate.ts')>('src/generate/generate.ts');
  const { createSampler, GREEDY } = await load<typeof import('../src/generate/sample.ts')>('src/generate/sample.ts');
  const { watch } = await load<typeof import('../src/profile/watch.ts')>('src/profile/watch.ts');
  const { device } = await openDevice('simd', 1);
  const { model, close } = await openSystem(MODEL, device);
  const prompt = Int32Array.of(5, 6, 7, 8);
  return {
    close,
    async run(watched) {
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

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const percent = (ratio: number): string => `${ratio >= 1 ? '+' : ''}${(100 * (ratio - 1)).toFixed(2)} %`;

await copyWithoutHooks();
const engines = { listened: await decoding(ROOT), without: await decoding(COPY) };

/** Runs two in turns. Whoever comes first finds the garbage of whoever came last: they change places. */
async function pairs(a: () => Promise<number>, b: () => Promise<number>): Promise<{ a: number[]; b: number[] }> {
  const times = { a: [] as number[], b: [] as number[] };
  for (let pair = -WARM_UP; pair < PAIRS; pair++) {
    for (const name of pair % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)) {
      const time = await { a, b }[name]();
      if (pair >= 0) times[name].push(time);
    }
  }
  return times;
}

const off = await pairs(
  () => engines.without.run(false),
  () => engines.listened.run(false),
);
const on = await pairs(
  () => engines.listened.run(false),
  () => engines.listened.run(true),
);
const steps = (times: readonly number[]) => `${(median(times) / STEPS).toFixed(3)} ms a step`;
const against = ({ a, b }: { a: number[]; b: number[] }) => percent(median(b.map((time, i) => time / a[i])));
console.log(`without hooks         ${steps(off.a)}`);
console.log(`nobody listening      ${steps(off.b)}  ${against(off)}`);
console.log(`watched, as it runs   ${steps(on.b)}  ${against(on)}`);
await Promise.all(Object.values(engines).map(({ close }) => close()));
await rm(COPY, { recursive: true, force: true });
