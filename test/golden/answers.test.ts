import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer } from '../../src/generate/answer.ts';
import { openSystem } from '../../src/generate/open-system.ts';
import type { System } from '../../src/generate/system.ts';
import { readPicture } from '../../src/input/picture/read-picture.ts';
import type { Piece, Turn } from '../../src/input/prompt/prompt.ts';
import { openDevice } from '../../src/open-device.ts';
import { closeDevice, type Device } from '../../tensor/device.ts';
import { answersOf } from '../answers.ts';
import { DEVICES, isSlow } from '../devices.ts';

const CHECKPOINTS = ['picture-book', 'tiny'] as const;
/** On the slow devices one checkpoint is asked about one picture, about two, and in a conversation. */
const FEW = ['describe', 'two-pictures', 'conversation'];
const all = await Promise.all(CHECKPOINTS.map(async (of) => ({ of, answers: await answersOf(`golden/${of}`) })));
const few = [{ ...all[0], answers: all[0].answers.filter(({ name }) => FEW.includes(name)) }];
const ASKED = DEVICES.flatMap((mode) => (isSlow(mode) ? few : all).map((each) => ({ mode, ...each })));

/** A golden's text as pieces: its pictures, then the words. */
function pieces(text: string): Piece[] {
  const images = text.split('<img></img>').length - 1;
  const words = text.replaceAll(/Picture \d+: <img><\/img>\n/g, '');
  return [...Array.from({ length: images }, () => ({ image: '' })), { text: words }];
}

describe.each(ASKED)('greedy answers of $of on $mode', ({ mode, of, answers }) => {
  let device: Device;
  let system: System;
  beforeAll(async () => {
    device = (await openDevice(mode, 2)).device;
    system = await openSystem(`golden/${of}`, device);
  });
  afterAll(async () => {
    await system.close();
    await closeDevice(device);
  });

  test.each(answers)('$name: $text', async ({ pictures, history, query, token_ids, text }) => {
    const before = device.live.size;
    const loaded = await Promise.all(pictures.map((name) => readPicture(`golden/${of}/pictures/${name}`)));
    const turns: Turn[] = history.map(([user, assistant]) => ({ user: pieces(user), assistant }));
    const ids: number[] = [];
    let said = '';
    for await (const piece of answer(system, { content: pieces(query), pictures: loaded, history: turns })) {
      if (piece.id !== undefined) ids.push(piece.id);
      said += piece.text;
    }
    expect(ids).toEqual(token_ids);
    expect(said).toBe(text);
    expect(device.live.size).toBe(before);
  });
});
