import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFolder } from '../../src/checkpoint/file-source.ts';
import { InputError } from '../../src/error.ts';
import { ask } from '../../src/explorer/engine/ask.ts';
import { breakIt } from '../../src/explorer/engine/broken/break.ts';
import { type Engine, openEngine } from '../../src/explorer/engine/engine.ts';
import { attention, encoderAttention, look } from '../../src/explorer/engine/look.ts';
import { askWithout, occlude } from '../../src/explorer/engine/occlude.ts';
import type { Context } from '../../src/explorer/engine/service.ts';
import { answerOf, goldenAnswer } from '../answers.ts';

const { length: TOKENS } = goldenAnswer('describe').token_ids;

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ device: 'simd', threads: 1, folder: await openFolder('golden/picture-book') });
});
afterAll(() => engine.close());

/** As much of a context as these services need. */
const context = <Report>(more: Partial<Context<Report>> = {}) =>
  ({
    engine: () => engine,
    report: () => undefined,
    signal: new AbortController().signal,
    ...more,
  }) as Context<Report>;

test('before anything was asked there is nothing to look into', async () => {
  for (const service of [
    () => look(null, context()),
    () => attention({ token: 0 }, context()),
    () => occlude({ picture: 0, side: 2 }, context()),
    () => breakIt({ thrown: [{ name: 'rotary' }] }, context()),
  ]) {
    await expect(service()).rejects.toThrow(/^question: nothing was asked yet; /);
  }
});

test('what is not there is refused, what is stopped leaves nothing behind, and the next one works', async () => {
  const source = new Uint8Array(await readFile('golden/picture-book/pictures/scene-1.png'));
  const about = { pictures: [{ key: 'a', name: 'a', source }], question: 'What is in the picture?' };
  await ask(about, context());
  await look(null, context());
  await engine.device.queue.idle();
  const { size } = engine.device.live;

  for (const [service, says] of [
    [() => attention({ token: 12 }, context()), `token: 12, the answer has ${TOKENS}`],
    [() => attention({ token: 0.5 }, context()), `token: 0.5, the answer has ${TOKENS}`],
    [() => encoderAttention({ picture: 1, layer: 0 }, context()), 'picture: 1, the question has 1'],
    [() => encoderAttention({ picture: 0, layer: 4 }, context()), 'layer: 4, the vision encoder has 4'],
    [() => occlude({ picture: 0, side: 9 }, context()), 'tiles: 9 a side, expected 1 to 8'],
    [() => askWithout({ picture: -1, patches: [] }, context()), 'picture: -1, the question has 1'],
    [() => breakIt({ thrown: [{ name: 'constructor' }] }, context()), 'switch: there is none of this name'],
    [
      () => breakIt({ thrown: [{ name: 'picture-order' }] }, context()),
      'Pictures in the wrong order: the question has 1 of them',
    ],
  ] as const) {
    const error = await service().catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(says);
  }

  const stop = (when: (news: unknown) => boolean) => {
    const control = new AbortController();
    return context({ signal: control.signal, report: (news) => when(news) && control.abort(new Error('stopped')) });
  };
  await expect(
    occlude(
      { picture: 0, side: 4 },
      stop(() => true),
    ),
  ).rejects.toThrow('stopped');
  // By then a second model is loaded.
  const late = stop((news) => JSON.stringify(news).includes('broken'));
  await expect(breakIt({ thrown: [{ name: 'queries' }] }, late)).rejects.toThrow('stopped');
  // With nothing hidden nothing changes, to the bit.
  const { text, whole, hidden } = await askWithout({ picture: 0, patches: [] }, context());
  expect(text).toBe(answerOf('describe'));
  expect(hidden).toEqual(whole);
  await engine.device.queue.idle();
  expect(engine.device.live.size).toBe(size);
});
