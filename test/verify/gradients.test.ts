import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runVerify } from '../../src/cli/verify.ts';
import { CheckpointError, InputError } from '../../src/error.ts';
import { findGradientGoldens } from '../../src/verify/gradients/gradient-case.ts';
import { judge } from '../../src/verify/tolerances.ts';
import { tapOf } from './measured.ts';
import { golden, qvlHere } from './qvl.ts';

let folder: string;
let base: string;
const ENDINGS = ['json', 'safetensors', 'f64.safetensors'] as const;

/** A copy of the small golden of a text, with its model beside it. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-gradients-'));
  for (const name of ['train', 'quirks']) await mkdir(join(folder, name));
  base = join(folder, 'train', 'grad-x');
  for (const ending of ['config.json', 'weights.safetensors']) {
    await copyFile(golden(`quirks/model-e.${ending}`), join(folder, 'quirks', `model-e.${ending}`));
  }
});
afterAll(() => rm(folder, { recursive: true }));

const restored = async () => {
  for (const ending of ENDINGS) await copyFile(golden(`train/grad-e-text.${ending}`), `${base}.${ending}`);
};

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** Changes a file in safetensors: its table, or bytes of a tensor of its own. */
async function change(path: string, work: (header: Header, data: Buffer) => void): Promise<void> {
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Header;
  const data = bytes.subarray(8 + length);
  work(header, data);
  const table = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(table.length));
  await writeFile(path, Buffer.concat([size, table, data]));
}

const words = (...more: string[]) => [base, '--device', 'simd', ...more] as const;

describe('qvl verify of gradients', () => {
  test('0: from the loss to the pixels in every mode; its report can be judged again', async () => {
    const json = join(folder, 'report.json');
    const html = join(folder, 'report.html');
    const ran = await qvlHere(
      runVerify,
      golden('train/grad-e.json'),
      '--device',
      'simd',
      '--json',
      json,
      '--html',
      html,
    );
    expect(ran.stdout).toMatch(
      /✓ grad-e × simd: 96 taps free, at most 0\.\d+ × PyTorch's own rounding \(.+\.grad\); 96 forced, at most \d+ % .+; 49 fused, at most \d+ %/,
    );
    expect(ran.code).toBe(0);
    expect(await readFile(html, 'utf8')).toContain('transformer.h.1.attn.c_attn.grad');
    const again = await qvlHere(runVerify, '--judge', json);
    expect([again.code, again.stdout]).toEqual([0, ran.stdout]);
    const strict = join(folder, 'strict.json');
    await writeFile(strict, '{"devices": {"simd": {"random": 1, "trained": 1, "gradient": 0.001}}}');
    expect((await qvlHere(runVerify, '--judge', json, '--tolerances', strict)).code).toBe(1);
    await writeFile(strict, '{"devices": {"simd": {"random": 1e-6, "trained": 1e-6}}}');
    expect((await qvlHere(runVerify, '--judge', json, '--tolerances', strict)).code).toBe(0);
  });

  test('1: one wrong element of a gradient; where, and what made ours, is said', async () => {
    await restored();
    const name = 'grad.transformer.h.0.ln_2.weight';
    await change(`${base}.safetensors`, (header, data) => {
      const at = header[name].data_offsets[0] + 4 * 5;
      data.writeFloatLE(data.readFloatLE(at) + 0.1, at);
    });
    await change(`${base}.f64.safetensors`, (header, data) => {
      const at = header[name].data_offsets[0] + 8 * 5;
      data.writeDoubleLE(data.readDoubleLE(at) + 0.1, at);
    });
    const { code, stdout } = await qvlHere(runVerify, ...words('--mode', 'free'));
    expect(stdout).toMatch(/enters at transformer\.h\.0\.ln_2\.weight\.grad, after .+: .*rmsNormWeightGradient/);
    expect(stdout).toMatch(/free: NMSE .+; at \[5\]: /);
    expect(code).toBe(1);
  });

  test('some taps only', async () => {
    await restored();
    const { code, stdout } = await qvlHere(runVerify, ...words('--mode', 'free', '--tap', '*.h.0.mlp.w?.weight.grad'));
    expect(stdout).toMatch(/✓ grad-x × simd: 2 taps free/);
    expect(code).toBe(0);
    await expect(qvlHere(runVerify, ...words('--tap', 'nothing.grad'))).rejects.toThrow(InputError);
  });

  test.each<[string, () => Promise<void>, RegExp]>([
    ['no model', () => writeFile(`${base}.json`, '{}'), /the model is nothing, expected a name/],
    [
      'another folder',
      () => writeFile(`${base}.json`, '{"model": "../../etc/x"}'),
      /the model is "\.\.\/\.\.\/etc\/x"/,
    ],
    [
      'a model that is not there',
      () => writeFile(`${base}.json`, '{"model": "model-z"}'),
      /"model-z" is not in the folder quirks beside the golden's; name its checkpoint's folder with --model/,
    ],
    ['no JSON', () => writeFile(`${base}.json`, '{'), /grad-x\.json/],
    ['no twin', () => rm(`${base}.f64.safetensors`), /grad-x\.f64\.safetensors/],
    [
      'a gradient of nothing',
      async () => {
        for (const file of [`${base}.safetensors`, `${base}.f64.safetensors`]) {
          await change(file, (header) => {
            const [key] = Object.keys(header).filter((each) => /^(grad|sample)\.transformer\.h\.1$/.test(each));
            header[key.replace('h.1', 'h.7')] = header[key];
            delete header[key];
          });
        }
      },
      /no activation or trained weight of the model is called "transformer\.h\.7"/,
    ],
    [
      'a gradient of a size that it has not',
      () =>
        change(`${base}.safetensors`, (header) => {
          const tap = header['grad.transformer.ln_f'] ?? header['sample.transformer.ln_f'];
          delete header['sample.transformer.ln_f'];
          header['grad.transformer.ln_f'] = { ...tap, shape: [0, 2 ** 40], data_offsets: [0, 0] };
        }),
      /grad-x/,
    ],
    [
      'a gradient of another size',
      () =>
        change(`${base}.safetensors`, (header) => {
          const tap = header['grad.transformer.h.0.ln_1.weight'];
          tap.shape = [64];
          tap.data_offsets = [tap.data_offsets[0], tap.data_offsets[0] + 256];
        }),
      /grad-x/,
    ],
  ])('bad input: %s', async (_, spoil, message) => {
    await restored();
    await spoil();
    const ended = qvlHere(runVerify, ...words('--mode', 'free'));
    await expect(ended).rejects.toThrow(CheckpointError);
    await expect(ended).rejects.toThrow(message);
  });
});

describe('gradients of a checkpoint', () => {
  let home: string;
  const scene = (ending: string) => join(home, 'gradients', `grad-scene.${ending}`);

  /** A small model as a checkpoint, with goldens of both kinds. */
  beforeAll(async () => {
    home = join(folder, 'checkpoint');
    for (const name of ['activations', 'gradients']) await mkdir(join(home, name), { recursive: true });
    await copyFile(golden('quirks/model-e.config.json'), join(home, 'config.json'));
    await copyFile(golden('quirks/model-e.weights.safetensors'), join(home, 'model.safetensors'));
    await copyFile(golden('quirks/model-e.activations.safetensors'), join(home, 'activations', 'x.safetensors'));
    for (const ending of ENDINGS) {
      await copyFile(golden(`train/grad-e-text.${ending}`), join(home, 'gradients', `grad-text.${ending}`));
    }
    await writeFile(join(home, 'gradients', 'grad-text.json'), '{"model": "not asked, for the place tells"}');
  });

  test.each([
    ['the checkpoint', ''],
    ['the folder within it', 'gradients'],
    ['a name', 'gradients/grad-text'],
    ['a name as it was exported', 'gradients/text'],
    ['a file', 'gradients/grad-text.f64.safetensors'],
  ])('are found by %s', async (_, path) => {
    const found = await findGradientGoldens(join(home, path));
    expect(found.map(({ name, kind }) => [name, kind])).toEqual([['grad-text', 'trained-gradient']]);
  });

  test('both kinds of its goldens are compared, one by its name alone', async () => {
    const both = await qvlHere(runVerify, home, '--device', 'simd', '--mode', 'free');
    expect(both.stdout).toMatch(/✓ x × simd: 58 free,[\s\S]*✓ grad-text × simd: 61 taps free/);
    const one = await qvlHere(runVerify, join(home, 'gradients', 'text'), '--device', 'simd', '--mode', 'free');
    expect(one.stdout).not.toContain('x × simd:');
  });

  test.each<[string, () => Promise<void>, RegExp]>([
    [
      'a twin of another batch',
      () =>
        change(scene('safetensors'), (header, data) => {
          const at = header['input.labels'].data_offsets[0];
          data.writeBigInt64LE(data.readBigInt64LE(at) + 1n, at);
        }),
      /grad-scene\.f64\.safetensors: it is of another batch than the golden beside it; export it again with --dtype/,
    ],
    [
      'a shape that is none',
      () =>
        change(scene('safetensors'), (header, data) => {
          data.writeBigInt64LE(-1n, header['shape.transformer.wte'].data_offsets[0]);
        }),
      /"shape\.transformer\.wte" is no shape/,
    ],
    [
      'a shape beyond all memory',
      () =>
        change(scene('safetensors'), (header, data) => {
          data.writeBigInt64LE(2n ** 30n, header['shape.transformer.visual.conv1'].data_offsets[0]);
        }),
      /the gradient of "transformer\.visual\.conv1" is \[1073741824,192,8,8\]/,
    ],
    [
      'a weight of another shape',
      () =>
        change(scene('safetensors'), (header) => {
          header['grad.transformer.ln_f.weight'].shape = [2, 128];
        }),
      /"grad\.transformer\.ln_f\.weight" is \[2,128\], expected \[256\]/,
    ],
    ['nothing that a block could begin from', async () => {}, /it keeps samples alone; use --mode free/],
  ])('bad input: %s', async (name, spoil, message) => {
    for (const ending of ENDINGS) await copyFile(golden(`tiny/gradients/grad-scene.${ending}`), scene(ending));
    await spoil();
    const mode = name.startsWith('nothing') ? 'forced' : 'free';
    const words = [scene('json'), '--model', golden('tiny'), '--device', 'simd', '--mode', mode];
    const ended = qvlHere(runVerify, ...words);
    await expect(ended).rejects.toThrow(CheckpointError);
    await expect(ended).rejects.toThrow(message);
  });
});

test('of a trained model, a sum that PyTorch got right by luck is judged by what its errors are otherwise', () => {
  const tap = (name: string, pytorch: number, ours: number) =>
    tapOf(`${name}.grad`, [1, 2 + (pytorch && 1e-6)], [1, 2], { exact: { ours, pytorch, ratio: ours / pytorch } });
  const results = [tap('a', 1e-12, 9e-13), tap('lucky', 1e-14, 9e-13), tap('b', 2e-12, 9e-13), tap('zero', 0, 0)];
  const off = (kind: 'gradient' | 'trained-gradient', taps = results) =>
    judge(taps, 'simd', kind).map(({ name, measure }) => `${name} ${measure}`);
  expect(off('gradient')).toEqual(['lucky.grad nmse']);
  expect(off('trained-gradient')).toEqual([]);
  expect(off('trained-gradient', [...results, tap('off', 1e-14, 5e-12)])).toEqual(['off.grad nmse']);
  expect(off('trained-gradient', [...results, tap('no zero', 0, 1e-30)])).toEqual(['no zero.grad nmse']);
});
