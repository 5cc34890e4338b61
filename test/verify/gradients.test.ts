import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runVerify } from '../../src/cli/verify.ts';
import { CheckpointError, InputError } from '../../src/error.ts';
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
