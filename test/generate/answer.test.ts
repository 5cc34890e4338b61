import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseGenerationConfig } from '../../src/checkpoint/generation.ts';
import { type AnswerOptions, answer, answers, type Question } from '../../src/generate/answer.ts';
import { openSystem } from '../../src/generate/open-system.ts';
import { createSight } from '../../src/generate/sight.ts';
import type { System } from '../../src/generate/system.ts';
import type { Picture } from '../../src/input/picture/picture.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import { freeModel, loadModel } from '../../src/model/qwen-vl.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';

const devices = new Map<string, { device: Device; system: System }>();
let pictures: Picture[];

beforeAll(async () => {
  for (const mode of ['cpu', 'simd'] as const) {
    const { device } = await openDevice(mode, 2);
    devices.set(mode, { device, system: await openSystem('golden/tiny', device) });
  }
  pictures = await Promise.all([1, 2].map((i) => readPicture(`golden/tiny/pictures/scene-${i}.png`)));
});
afterAll(async () => {
  for (const { device, system } of devices.values()) {
    await system.close();
    expect(device.live.size).toBe(0);
    await closeDevice(device);
  }
});

const on = (mode: string) => devices.get(mode)!.system;
const asked = (text: string, ...shown: Picture[]): Question => ({
  content: [...shown.map(() => ({ image: '' })), { text }],
  pictures: shown,
});

async function said(system: System, question: Question, options: AnswerOptions = {}) {
  const ids: number[] = [];
  let text = '';
  for await (const piece of answer(system, question, options)) {
    if (piece.id !== undefined) ids.push(piece.id);
    text += piece.text;
  }
  return { ids, text };
}

/** The same for several questions in one batch. */
async function all(system: System, questions: readonly Question[], options: AnswerOptions = {}) {
  const together = questions.map(() => ({ ids: [] as number[], text: '' }));
  for await (const { question, id, text } of answers(system, questions, options)) {
    if (id !== undefined) together[question].ids.push(id);
    together[question].text += text;
  }
  return together;
}

test.each(['cpu', 'simd'])('a batch answers as each question alone, on %s', async (mode) => {
  const system = on(mode);
  const questions = [
    asked('What is in the picture?', pictures[0]),
    ...(mode === 'cpu' ? [] : [asked('Which picture is darker?', pictures[1], pictures[0])]), // slow there
    asked('Hello'),
  ];
  const options = { maxNewTokens: mode === 'cpu' ? 3 : 8, temperature: 0.8, topP: 0.9, seed: 5 };
  const together = await all(system, questions, options);
  for (const [i, question] of questions.entries()) expect(together[i]).toEqual(await said(system, question, options));
});

test('a seed gives the same tokens on every device, another seed others', async () => {
  const question = asked('What is in the picture?', pictures[0]);
  const options = { temperature: 3, topP: 1, maxNewTokens: 12, seed: 1 };
  const first = await said(on('cpu'), question, options);
  expect(await said(on('simd'), question, options)).toEqual(first);
  expect((await said(on('simd'), question, { ...options, seed: 2 })).ids).not.toEqual(first.ids);
});

describe('an answer ends', () => {
  const question = () => asked('What is in the picture?', pictures[0]);

  test('before a stop text', async () => {
    const whole = await said(on('simd'), question());
    const stop = whole.text.slice(8, 12);
    const { text, ids } = await said(on('simd'), question(), { stop: ['never', stop] });
    expect(text).toBe(whole.text.slice(0, whole.text.indexOf(stop)));
    expect(ids.length).toBeLessThan(whole.ids.length);
  });

  test('not before its least length, nor after its greatest', async () => {
    const whole = await said(on('simd'), question());
    const least = whole.ids.length + 3;
    expect((await said(on('simd'), question(), { minNewTokens: least })).ids.length).toBeGreaterThan(least);
    expect((await said(on('simd'), question(), { maxNewTokens: 3 })).ids).toEqual(whole.ids.slice(0, 3));
  });

  test('at each id that the checkpoint lists, beside the chat’s own', async () => {
    const system = on('simd');
    const { checkpoint } = system;
    const whole = await said(system, question());
    const ending = (json: object): System => ({
      ...system,
      checkpoint: { ...checkpoint, generation: parseGenerationConfig(json, 'generation_config.json') },
    });
    const listed = await said(ending({ eos_token_id: [whole.ids[3], 767] }), question());
    expect(listed.ids).toEqual(whole.ids.slice(0, 4));
    expect(whole.text.startsWith(listed.text)).toBe(true); // what ends it is not part of it
    expect(await said(ending({ eos_token_id: null, temperature: 3 }), question())).toEqual(whole); // the likeliest
  });

  test.each([
    'vision encoder',
    'adapter',
    'prefill',
    'decode',
  ])('when it is aborted in %s; the next one is whole', async (at) => {
    const { device, system } = devices.get('simd')!;
    const whole = await said(system, question());
    const before = device.live.size;
    const controller = new AbortController();
    const reason = new Error('enough');
    const onPart = (name: string) => void (name === at && controller.abort(reason));
    await expect(said(system, question(), { signal: controller.signal, onPart })).rejects.toBe(reason);
    expect(device.live.size).toBe(before);
    expect(await said(system, question())).toEqual(whole);
  });
});

describe('an answer that is given up takes nothing from others', () => {
  const ways: [string, AnswerOptions][] = [
    ['greedy', { temperature: 0 }],
    ['drawn', { temperature: 2, topP: 1, seed: 3 }],
  ];
  test.each(
    ['vision encoder', 'adapter', 'prefill', 'decode'].flatMap((at) => ways.map(([way, how]) => ({ at, way, how }))),
  )('in $at, $way', async ({ at, how }) => {
    const { device, system } = devices.get('simd')!;
    const before = device.live.size;
    const options = { ...how, maxNewTokens: 4 };
    const mine = asked('What is in the picture?', pictures[0]);
    const theirs = asked('Which picture is darker?', pictures[1], pictures[0]);
    const whole = await said(system, theirs, options);
    const sight = createSight(system.model);
    const controller = new AbortController();
    const reason = new Error('enough');
    // When its work is in the queue, with that of others behind it.
    const onPart = (name: string) => void (name === at && queueMicrotask(() => controller.abort(reason)));
    const [given, other, batch] = await Promise.allSettled([
      said(system, mine, { ...options, sight, signal: controller.signal, onPart }),
      said(system, theirs, { ...options, sight }),
      all(system, [theirs, theirs], { ...options, sight }),
    ]);
    expect(given).toEqual({ status: 'rejected', reason });
    expect(other).toEqual({ status: 'fulfilled', value: whole });
    expect(batch).toEqual({ status: 'fulfilled', value: [whole, whole] });
    sight.free();
    expect(device.live.size).toBe(before);
  });

  test('while weights are still on their way, which are everybody’s', async () => {
    const { device, system } = devices.get('simd')!;
    const before = device.live.size;
    const options = { maxNewTokens: 3 };
    const whole = await said(system, asked('Hello'), options);
    const loading = await openSystem('golden/tiny', device);
    const controller = new AbortController();
    const given = said(loading, asked('Hello'), { ...options, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    expect(await said(loading, asked('Hello'), options)).toEqual(whole);
    await loading.close();
    expect(device.live.size).toBe(before);
  });
});

describe('scores that are no numbers end an answer with one error', () => {
  test.each([
    ['NaN, greedy', Number.NaN, { temperature: 0 }],
    ['NaN, drawn', Number.NaN, { temperature: 1 }],
    ['infinite, greedy', Number.POSITIVE_INFINITY, { temperature: 0 }],
    ['infinite, drawn', Number.NEGATIVE_INFINITY, { temperature: 1 }],
    ['NaN, with a penalty', Number.NaN, { temperature: 0, repetitionPenalty: 1.1 }],
  ])('%s', async (_, value, options) => {
    const { device, system } = devices.get('simd')!;
    const before = device.live.size;
    const { checkpoint } = system;
    const V = checkpoint.config.vocab_size;
    // One row of the scores' weights, so that one score of each token is wrong.
    const load = async (name: string) => {
      const weight = await checkpoint.load(name);
      return name === 'lm_head.weight' ? weight.fill(value, weight.length - weight.length / V) : weight;
    };
    const broken: System = { ...system, model: loadModel(device, checkpoint.config, load) };
    const found = {
      name: 'ScoreError',
      message: expect.stringMatching(/^scores of token 1 of the answer: .*NaN or infinite.*qvl verify.*qvl trace/),
    };
    await expect(said(broken, asked('Hello'), options)).rejects.toMatchObject(found);
    await expect(all(broken, [asked('Hello'), asked('What?')], options)).rejects.toMatchObject(found);
    expect((await said(system, asked('Hello'), { ...options, maxNewTokens: 1 })).ids).toHaveLength(1);
    freeModel(broken.model);
    expect(device.live.size).toBe(before);
  });
});

test('a conversation looks at each picture once', async () => {
  const { device, system } = devices.get('simd')!;
  const sight = createSight(system.model, 1);
  const stages: string[] = [];
  const options = { sight, onPart: (name: string) => void stages.push(name), maxNewTokens: 3 };
  const before = device.live.size;
  const first = await said(system, asked('What is in the picture?', pictures[0]), options);
  expect(await said(system, asked('What is in the picture?', pictures[0]), options)).toEqual(first);
  expect(stages).toEqual(['vision encoder', 'adapter', 'prefill', 'decode', 'prefill', 'decode']);
  await said(system, asked('What is in the picture?', pictures[1]), options); // more than it remembers
  expect(device.live.size).toBe(before + 1);
  sight.free();
  expect(device.live.size).toBe(before);
});

test.each([
  [2_000_000, 'none'],
  [8_500_000, 'decoder'],
] as const)('with %d bytes for its weights a checkpoint answers the same from its files', async (bytes, resident) => {
  const { device, system } = devices.get('simd')!;
  const before = device.live.size;
  const streamed = await openSystem('golden/tiny', device, { memory: bytes });
  expect([system.resident, streamed.resident]).toEqual(['all', resident]);
  const question = asked('What is in the picture?', pictures[0]);
  expect(await said(streamed, question, { maxNewTokens: 3 })).toEqual(
    await said(system, question, { maxNewTokens: 3 }),
  );
  await streamed.close();
  expect(device.live.size).toBe(before);
});

test('a decoder that has to be resident and does not fit is refused', async () => {
  const { device } = devices.get('simd')!;
  const options = { memory: 7_000_000, resident: true };
  await expect(openSystem('golden/tiny', device, options)).rejects.toThrow(
    '--resident: the decoder takes 0.00712 GB on simd, expected at most 0.00700',
  );
  const fitting = await openSystem('golden/tiny', device, { ...options, memory: 8_000_000 });
  expect(fitting.resident).toBe('decoder');
  await fitting.close();
});

test('impossible questions are refused before any work', async () => {
  const { device, system } = devices.get('cpu')!;
  const before = device.live.size;
  const picture = { content: [{ image: '' }, { text: 'What?' }], pictures: [] };
  await expect(said(system, picture)).rejects.toThrow('question: names picture 1, and 0 were given');
  await expect(said(system, asked('Hello'), { maxNewTokens: 0 })).rejects.toThrow('maxNewTokens: 0');
  await expect(said(system, asked('Hello'), { topP: 2 })).rejects.toThrow('topP: 2');
  await expect(said(system, asked('Hello'), { minNewTokens: 3, maxNewTokens: 2 })).rejects.toThrow(
    'minNewTokens: 3, expected at most the 2 which maxNewTokens allows',
  );
  await expect(said(system, asked('Hello'), { minNewTokens: 2040, maxNewTokens: 2048 })).rejects.toThrow(
    /expected at most the 20\d\d for which the prompt leaves room/,
  );
  const aborted = AbortSignal.abort(new Error('before'));
  await expect(said(system, asked('Hello'), { signal: aborted })).rejects.toThrow('before');
  expect(device.live.size).toBe(before);
});
