import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recipes } from '../../kernels/simd/scale.ts';
import { DeviceError } from '../../tensor/error.ts';
import { createList, LAYOUT, walker } from '../../tensor/simd/commands.ts';
import { compileKernels } from '../../tensor/simd/kernels.ts';
import { createTeam, type TeamOptions } from '../../tensor/simd/team.ts';
import { type StartedWorker, startWorker } from '../../tensor/simd/worker.ts';

const PAGE = 65_536;
const module = compileKernels(
  recipes.flatMap(({ kernels }) => kernels),
  true,
);

/** A team with a memory of floats, from offset 64 on. */
async function open(threads: number, pages: number, options?: TeamOptions) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return {
    floats: new Float32Array(memory.buffer),
    team: await createTeam(module, memory, threads, options),
  };
}

/** Work enough that every thread is woken. */
const MUCH = 1e7;

describe('a list of commands', () => {
  test('takes every unit once, whoever it is', async () => {
    const { floats, team } = await open(3, 64);
    for (let round = 0; round < 200; round++) {
      const count = 1 + ((round * 977) % 5000);
      floats.fill(round, 16, 16 + count);
      team.run('divide', [64, 4 * (1 << 16), 2], count, MUCH, 'divide');
      team.flush();
      const result = floats.subarray(1 << 16, (1 << 16) + count);
      expect(result.every((value) => value === round / 2)).toBe(true);
    }
    await team.close();
  });

  // Each command reads what others before it wrote, and writes where others before it read.
  test('gives the same bytes on one thread and on three, longer than its memory has places', async () => {
    const ROOM = 4096;
    const place = (slot: number) => 64 + 4 * ROOM * slot;
    const command = fc.record({
      from: fc.nat(3),
      to: fc.nat(3),
      units: fc.integer({ min: 1, max: ROOM }),
      divisor: fc.constantFrom(0.75, 1.5, -1.25),
      operations: fc.constantFrom(10, 1e6, MUCH),
      flush: fc.nat(20),
    });
    const teams = [await open(1, 4), await open(3, 4)];
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 1, maxLength: 2.5 * LAYOUT.length, size: 'max' }),
        async (list) => {
          const [one, three] = teams.map(({ floats, team }) => {
            for (let i = 16; i < 16 + 4 * ROOM; i++) floats[i] = i;
            for (const { from, to, units, divisor, operations, flush } of list) {
              team.run('divide', [place(from), place(to), divisor], units, operations, 'divide');
              if (flush === 0) team.flush();
            }
            team.flush();
            return floats.slice(0, 16 + 4 * ROOM);
          });
          expect(three).toEqual(one);
        },
      ),
      { numRuns: 40 },
    );
    for (const { team } of teams) await team.close();
  });

  test('gives no place to another command while a worker may still read the one before', async () => {
    const seen = new Int32Array(new SharedArrayBuffer(4));
    const { team } = await open(2, 1, {
      start: async (shared) => {
        // It is inside the list for long, and says how many commands there were by then.
        const text = `const { parentPort, workerData } = require('node:worker_threads');
          const { words, layout, seen } = workerData;
          Atomics.add(words, layout.inside, 1);
          parentPort.postMessage('');
          while (Atomics.load(words, layout.published) < layout.length);
          Atomics.wait(seen, 0, 0, 300);
          Atomics.store(seen, 0, Atomics.load(words, layout.published));
          Atomics.sub(words, layout.inside, 1);
          Atomics.notify(words, layout.inside);`;
        const worker = new Worker(text, { eval: true, workerData: { ...shared, seen } });
        await new Promise((resolve) => worker.once('message', resolve));
        return worker;
      },
    });
    for (let i = 0; i <= LAYOUT.length; i++) team.run('divide', [64, 1024, 2], 4, 10, 'divide');
    expect(Atomics.load(seen, 0)).toBe(LAYOUT.length);
    await team.close();
  });
});

test('a thread reads the size of its memory anew once it has its instance: a growth in that moment is lost', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const asked: number[] = [];
  memory.grow = (pages) => {
    asked.push(pages);
    return WebAssembly.Memory.prototype.grow.call(memory, pages);
  };
  walker({ module, memory, threads: 1, names: ['divide'], ...createList() }, true);
  expect(asked).toEqual([0]);
});

test.each([1, 2])('a kernel that the module does not hold is named, on %i threads', async (threads) => {
  const { team } = await open(threads, 1);
  expect(() => team.run('unlisted', [64], 1, 1, 'gelu')).toThrow('simd: gelu runs unlisted, which no recipe names');
  await team.close();
});

describe('is an error, not a hang, now and from then on:', () => {
  /** Until the team says so. */
  function failing(team: Awaited<ReturnType<typeof open>>['team']): string[] {
    return [1, 2].map(() => {
      try {
        team.run('divide', [64, 1024, 2], 1000, MUCH, 'rmsNorm');
        team.flush();
      } catch (error) {
        expect(error).toBeInstanceOf(DeviceError);
        return (error as Error).message;
      }
      throw new Error('nothing failed');
    });
  }

  test('a kernel that fails, on whichever thread; the message names the operation', async () => {
    for (let round = 0; round < 10; round++) {
      const { team } = await open(2, 1);
      team.run('divide', [64, 1024, 2], 4, 10, 'add');
      const end = PAGE - 64; // the later half is beyond the memory
      team.run('divide', [end - 64, end, 2], 32, MUCH, 'softmax');
      team.run('divide', [64, 1024, 2], 4, MUCH, 'add');
      expect(() => team.flush()).toThrow('simd: softmax failed in its kernel');
      for (const message of failing(team)) expect(message).toContain('softmax failed');
      await team.close();
    }
  });

  test('a worker that ends between two commands', async () => {
    let worker: StartedWorker | undefined;
    const { team } = await open(2, 1, {
      async start(shared, lost) {
        worker = await startWorker(shared, lost);
        return worker;
      },
    });
    await worker?.terminate();
    for (const message of failing(team)) expect(message).toContain('a worker was lost');
    await team.close();
  });

  test('a worker that ends inside a kernel, while nothing else can happen in the calling thread', async () => {
    const { team } = await open(2, 1, {
      grace: 5,
      start: async (shared) => {
        // It takes units of the first command, and ends before they are done.
        const text = `const { words, layout } = require('node:worker_threads').workerData;
          require('node:worker_threads').parentPort.postMessage('');
          while (Atomics.load(words, layout.published) === 0);
          Atomics.add(words, layout.commands + layout.next, words[layout.commands + layout.least]);
          process.exit(1);`;
        const worker = new Worker(text, { eval: true, workerData: shared });
        await new Promise((resolve) => worker.once('message', resolve));
        return worker;
      },
    });
    const begin = performance.now();
    team.run('divide', [64, 1024, 2], 4000, MUCH, 'gelu');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); // it has its units
    expect(() => team.flush()).toThrow('a worker was lost in gelu; open the device again');
    expect(performance.now() - begin).toBeLessThan(5000);
    for (const message of failing(team)) expect(message).toContain('lost in gelu');
    await team.close();
  });
});
