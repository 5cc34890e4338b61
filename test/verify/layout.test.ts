import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeElement } from '../../src/verify/coordinates.ts';
import { inGoldenOrder, inOurOrder, layoutOf, placeInGolden } from '../../src/verify/layout.ts';
import { listTaps } from '../../src/verify/taps.ts';
import { CASES, openCase } from '../golden/cases.ts';

test('two images: ours come image by image, the encoder of the original has the batch second', () => {
  const ours = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8); // images 2, patches 2, channels 2
  const name = 'transformer.visual.transformer.resblocks.0.mlp';
  expect([...inGoldenOrder(name, ours, [2, 2, 2])]).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
  // A convolution: images 2, channels 2, one row of two patches.
  expect([...inGoldenOrder('transformer.visual.conv1', ours, [2, 2, 1, 2])]).toEqual([1, 3, 2, 4, 5, 7, 6, 8]);
  expect([...inGoldenOrder('transformer.h.0', ours, [1, 4, 2])]).toEqual([...ours]);
});

test('the two orders are each other’s inverse, on ragged shapes', () => {
  const names = fc.constantFrom(
    ['transformer.visual.conv1', 4],
    ['transformer.visual.transformer.resblocks.7.attn.in_proj', 3],
    ['transformer.visual.attn_pool.attn', 3],
    ['transformer.h.0.attn.attn_dropout', 4],
  ) as fc.Arbitrary<[string, number]>;
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(names, sizes, ([name, axes], all) => {
      const shape = all.slice(0, axes);
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i);
      const there = inGoldenOrder(name, data, shape);
      expect([...there].sort((a, b) => a - b)).toEqual([...data]);
      expect(inOurOrder(name, there, shape)).toEqual(data);
      expect(Array.from(data, placeInGolden(name, shape))).toEqual(Array.from(inOurOrder(name, data, shape)));
    }),
  );
});

describe('the declarations name every activation of every golden, with its shape', () => {
  test.each(CASES)('$name', async (wanted) => {
    const { golden, checkpoint, close } = await openCase(wanted);
    const taps = new Map((await listTaps(checkpoint.config, golden.inputs)).map((tap) => [tap.name, tap]));
    await close();
    expect(golden.taps.size).toBe(wanted.taps);
    for (const [name, { shape }] of golden.taps) {
      expect(layoutOf(name), name).toBeDefined();
      expect([name, taps.get(name)?.shape]).toEqual([name, shape]);
      expect(taps.get(name)?.calledAt).toMatch(/(src\/model\/[\w-]+|src\/verify\/capture)\.ts:\d+$/);
    }
  });
});

test('places are said in the model’s terms', async () => {
  const { golden, checkpoint, close } = await openCase(CASES[3]);
  await close();
  const { config } = checkpoint; // a grid of 8 × 8, 4 heads of 48 and of 64
  const terms = { config, ids: golden.inputs.ids, text: (id: number) => `<${id}>` };
  const say = (name: string, shape: number[], index: number) => describeElement(name, shape, index, terms);
  expect(say('transformer.visual.conv1', [1, 192, 8, 8], 5 * 64 + 3 * 8 + 2)).toBe(
    'image 0, channel 5, patch row 3, column 2',
  );
  expect(say('transformer.visual.transformer.resblocks.1.attn.in_proj', [64, 1, 576], 19 * 576 + 3 * 48 + 48 + 7)).toBe(
    'patch row 2 column 3, image 0, head 1 key channel 7',
  );
  const token = golden.inputs.ids[3];
  expect(say('transformer.h.0.attn.c_attn', [1, 49, 768], 3 * 768 + 512 + 64 + 9)).toBe(
    `token 3 "<${token}>", head 1 value channel 9`,
  );
  expect(say('transformer.h.0.attn.attn_dropout', [1, 4, 49, 49], 2 * 49 * 49 + 3 * 49 + 3)).toBe(
    `head 2, token 3 "<${token}>", key token 3 "<${token}>"`,
  );
  expect(say('logits', [1, 49, 768], 3 * 768 + 5)).toBe(`token 3 "<${token}>", id 5 "<5>"`);
  expect(say('decode.2.logits', [1, 1, 768], 5)).toBe('id 5 "<5>"');
  expect(say('elsewhere.layer', [2, 3], 4)).toBe('[1, 1]');
});
