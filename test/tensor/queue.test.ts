import { expect, test } from 'vitest';
import { createQueue } from '../../tensor/queue.ts';
import { processorTime } from '../processor-time.ts';
import { gate } from './fake-driver.ts';

test('runs in order, each after the last has settled, and never before the caller has returned', async () => {
  const queue = createQueue();
  const log: string[] = [];
  const slow = gate();
  queue.push({
    async run() {
      log.push('slow starts');
      await slow.opened;
      log.push('slow ends');
    },
  });
  queue.push({ run: () => void log.push('quick') });
  expect(log).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve));
  expect(log).toEqual(['slow starts']);
  slow.open();
  await queue.idle();
  expect(log).toEqual(['slow starts', 'slow ends', 'quick']);
});

test('is idle when what a job pushed has run too', async () => {
  const queue = createQueue();
  const log: number[] = [];
  queue.push({
    run() {
      log.push(1);
      queue.push({ run: () => void log.push(2) });
    },
  });
  await queue.idle();
  expect(log).toEqual([1, 2]);
  await queue.idle();
});

test('cancelling gives up what has not started, but not what must happen, nor what comes later', async () => {
  const queue = createQueue();
  const log: string[] = [];
  const job = (name: string) => ({
    run: () => void log.push(name),
    cancelled: (reason: unknown) => void log.push(`${name}: ${reason}`),
  });
  const running = gate();
  queue.push({ ...job('running'), run: () => running.opened.then(() => void log.push('running')) });
  queue.push(job('waiting'));
  queue.push({ run: () => void log.push('free') });
  await Promise.resolve();
  queue.cancel('stop');
  queue.push(job('later'));
  running.open();
  await queue.idle();
  expect(log).toEqual(['waiting: stop', 'running', 'free', 'later']);
});

test('long work leaves timers a turn', async () => {
  const queue = createQueue();
  let jobsBefore: number | undefined;
  let done = 0;
  setTimeout(() => {
    jobsBefore = done;
  });
  for (let i = 0; i < 30; i++) {
    queue.push({
      run() {
        const end = performance.now() + 5;
        while (performance.now() < end);
        done++;
      },
    });
  }
  await queue.idle();
  expect(jobsBefore).toBeLessThan(30);
});

test('a long queue takes time in proportion, in order', async () => {
  const queue = createQueue();
  let sum = 0;
  const add = (i: number) => {
    sum = (sum * 31 + i) % 1_000_003;
  };
  const pushed = async () => {
    for (let i = 1; i <= 200_000; i++) queue.push({ run: () => add(i) });
    await queue.idle();
  };
  expect(await processorTime(pushed)).toBeLessThan(3000);
  let expected = 0;
  for (let i = 1; i <= 200_000; i++) expected = (expected * 31 + i) % 1_000_003;
  expect(sum).toBe(expected);
});
