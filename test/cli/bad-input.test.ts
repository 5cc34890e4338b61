import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCommand } from '../../src/cli/commands.ts';
import { complain, endOf } from '../../src/cli/ending.ts';

const QVL = resolve('src/cli/qvl.mjs');
const PICTURE = resolve('golden/tiny/pictures/scene-1.png');
let folder: string;

/** What a command says and how it ends, in this process: all but what starting one adds. */
async function run(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += String(text);
      return true;
    }),
  );
  const here = process.cwd();
  process.chdir(folder);
  try {
    await runCommand(words);
    return { code: 0, ...said };
  } catch (error) {
    const { message, code } = endOf(error);
    complain(message);
    return { code, ...said };
  } finally {
    process.chdir(here);
    for (const spy of spies) spy.mockRestore();
  }
}

/** Runs the command as a user does, in a folder of its own. */
function qvl(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [QVL, ...words], { cwd: folder }, (error, stdout, stderr) =>
      done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

/** A copy of the shipped checkpoint with one file changed. */
async function damaged(name: string, change: (bytes: Buffer) => Buffer | string): Promise<string> {
  const model = await mkdtemp(join(folder, 'model-'));
  const files = (await readdir('golden/tiny')).filter((file) => /json$|bin$|tiktoken$/.test(file));
  for (const file of files) await cp(join('golden/tiny', file), join(model, file));
  await writeFile(join(model, name), change(await readFile(join(model, name))));
  return model;
}

const edited = (change: (json: Record<string, unknown>) => void) => (bytes: Buffer) => {
  const json = JSON.parse(bytes.toString());
  change(json);
  return JSON.stringify(json);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SHARD = 'pytorch_model-00001-of-00002.bin';
const CASES: { what: string; words: () => Promise<string[]>; says: RegExp }[] = [
  { what: 'no such command', words: async () => ['draw'], says: /no such command/ },
  { what: 'an unknown option', words: async () => ['ask', '--fast'], says: /--fast/ },
  { what: 'a question without a picture', words: async () => ['ask', 'What?'], says: /a picture and a question/ },
  {
    what: 'an unknown device',
    words: async () => ['ask', PICTURE, 'What?', '--device', 'tpu'],
    says: /"tpu", expected/,
  },
  { what: 'a missing picture', words: async () => ['ask', 'missing.png', 'What?'], says: /missing\.png: no such file/ },
  { what: 'a folder for a picture', words: async () => ['ask', folder, 'What?'], says: /a folder/ },
  {
    what: 'a text for a picture',
    words: async () => {
      await writeFile(join(folder, 'text.png'), 'not a picture');
      return ['ask', 'text.png', 'What?'];
    },
    says: /text\.png: neither PNG, JPEG/,
  },
  {
    what: 'a model that is a file',
    words: async () => ['ask', PICTURE, 'What?', '--model', PICTURE],
    says: /scene-1\.png.*folder/,
  },
  { what: 'no model there', words: async () => ['ask', PICTURE, 'What?', '--model', 'nowhere'], says: /nowhere/ },
  {
    what: 'a truncated shard',
    words: async () => [
      'ask',
      PICTURE,
      'What?',
      '--model',
      await damaged(SHARD, (bytes) => bytes.subarray(0, 100_000)),
    ],
    says: /00001-of-00002\.bin/,
  },
  {
    what: 'a corrupt shard',
    words: async () => ['ask', PICTURE, 'What?', '--model', await damaged(SHARD, (bytes) => bytes.fill(7, 0, 4000))],
    says: /00001-of-00002\.bin/,
  },
  {
    what: 'a pickle that calls something',
    words: async () => [
      'ask',
      PICTURE,
      'What?',
      '--model',
      await damaged(SHARD, (bytes) => {
        const at = bytes.indexOf('torch._utils\n_rebuild_tensor_v2');
        bytes.write('posix_______\nsystem____________', at);
        return bytes;
      }),
    ],
    says: /posix_______/,
  },
  {
    what: 'an index that names a missing file',
    words: async () => [
      'ask',
      PICTURE,
      'What?',
      '--model',
      await damaged('pytorch_model.bin.index.json', (bytes) => bytes.toString().replaceAll(SHARD, 'gone.bin')),
    ],
    says: /gone\.bin/,
  },
  {
    what: 'a config with an impossible value',
    words: async () => [
      'ask',
      PICTURE,
      'What?',
      '--model',
      await damaged(
        'config.json',
        edited((json) => (json.num_attention_heads = -3)),
      ),
    ],
    says: /num_attention_heads.*-3/,
  },
  {
    what: 'a prompt longer than the model',
    words: async () => ['ask', PICTURE, 'why '.repeat(3000)],
    says: /prompt: \d+ tokens.*expected at most 2047/,
  },
  {
    what: 'an answer that must be longer than it may',
    words: async () => [
      'ask',
      PICTURE,
      'What?',
      '--model',
      await damaged(
        'generation_config.json',
        edited((json) => Object.assign(json, { min_new_tokens: 9, max_new_tokens: 8 })),
      ),
    ],
    says: /generation_config\.json: min_new_tokens is 9, expected at most max_new_tokens, 8/,
  },
  { what: 'a config that is no JSON', words: async () => ['inspect', PICTURE], says: /not JSON/ },
  {
    what: 'a number that is none',
    words: async () => ['inspect', '--tokens', '0x'],
    says: /"0x", expected a whole number/,
  },
];

describe('bad input ends with one line and exit code 2', () => {
  test.each(CASES)('$what', async ({ words, says }) => {
    const before = await readdir(folder);
    const given = await words();
    const { code, stdout, stderr } = await run(...given);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^qvl: /);
    expect(lines.at(-1)).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /); // a stack trace
    expect(stdout).toBe('');
    expect(code).toBe(2);
    const made = (await readdir(folder)).filter((name) => !before.includes(name) && !/^model-|^text\.png$/.test(name));
    expect(made).toEqual([]);
  });

  test('so it is in a process of its own; --debug adds the stack trace', async () => {
    const plain = await qvl('ask', 'missing.png', 'What?');
    expect(plain).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^qvl: .*\n$/) });

    const { code, stderr } = await qvl('ask', 'missing.png', 'What?', '--debug');
    expect(stderr).toMatch(/\n\s+at /);
    expect(code).toBe(2);
  });

  test('a device that is not there ends with exit code 3', async () => {
    const { code, stderr } = await qvl('ask', PICTURE, 'What?', '--device', 'webgl2');
    expect(stderr).toMatch(/GPU\.js webgl2: not available/);
    expect(code).toBe(3);
  });
});

test('what a checkpoint asks for and is not done is said in one line, and the question is answered', async () => {
  const model = await damaged(
    'generation_config.json',
    edited((json) => Object.assign(json, { num_beams: 4, bad_words_ids: [[431]] })),
  );
  const { code, stdout, stderr } = await run('ask', PICTURE, 'What?', '--model', model, '--max-new-tokens', '1');
  const said = stderr.split('\n').filter((line) => line.includes('generation_config.json'));
  expect(said).toEqual([expect.stringContaining('without effect here: num_beams = 4, bad_words_ids')]);
  expect(stdout).not.toBe('');
  expect(code).toBe(0);
});
