import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { runEval } from '../../src/cli/eval.ts';
import { runInspect } from '../../src/cli/inspect.ts';
import { runTrain } from '../../src/cli/train.ts';
import { ask, load } from '../../src/index.ts';
import { tinyFolder } from '../train/tiny-folder.ts';
import { qvlHere } from '../verify/qvl.ts';

let folder: string;
let conversations: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-'));
  await tinyFolder(at('tiny'));
  await copyFile('golden/tiny/pictures/scene-2.png', at('1.png'));
  conversations = at('d.jsonl');
  const line = (user: string, assistant: string, more = {}) =>
    JSON.stringify({
      conversations: [
        { from: 'user', value: user },
        { from: 'assistant', value: assistant },
      ],
      ...more,
    });
  const lines = [
    line('Picture 1: <img>1.png</img>\nWhat?', 'A star.', { task: 'naming', language: 'English' }),
    line('在哪里?', '<ref>星</ref><box>(1,2),(3,4)</box>'),
    line('How many?', '2', { measure: 'relaxed', references: ['2', 'two'] }),
  ];
  await writeFile(conversations, lines.join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));

const train = (...words: string[]) => qvlHere(runTrain, '--device', 'simd', '--threads', '2', ...words);
const weights = async (name: string) => (await readFile(join(at(name), 'model.safetensors'))).toString('base64');

/** A run that is stopped by Ctrl-C as soon as it listens: after its first step. */
async function interrupted(...words: string[]): ReturnType<typeof train> {
  const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const others = SIGNALS.map((signal) => process.listeners(signal));
  process.once('newListener', (event) => {
    if (event === 'SIGINT') setImmediate(() => process.emit('SIGINT'));
  });
  const stopped = await train(...words);
  for (const [i, signal] of SIGNALS.entries()) for (const other of others[i]) process.on(signal, other);
  return stopped;
}

test('from nothing, through the stages, to a folder that can be asked', async () => {
  const { stderr } = await train(
    '--stage',
    '0',
    '--model',
    at('tiny'),
    '--out',
    at('s0'),
    '--steps',
    '1',
    '--batch',
    '2',
  );
  expect(stderr).toMatch(/encoder 1 of 1 · loss \d/);
  expect(stderr).toMatch(/decoder 1 of 1 · loss \d.* tokens\/s, .* pictures\/s · \d+ s left/);
  expect(stderr).toMatch(/adapter 1 of 1 · loss \d.*words in slots.* · 0 s left/);
  await train('--stage', '1', '--model', at('s0'), '--out', at('s1'), '--steps', '1', '--batch', '2');
  const { config, generation, tensors, close } = await openCheckpoint(at('s1'));
  await close();
  expect(config.visual.image_size).toBe(56); // although it was trained at half of that
  expect(generation).toMatchObject({ chat_format: 'raw', max_new_tokens: 8, eos_token_id: [256] });
  expect([...tensors.values()].every(({ dtype }) => dtype === 'bfloat16')).toBe(true);

  const first = JSON.parse(await readFile(join(at('s1'), 'curves.json'), 'utf8')).steps[0];
  expect(first.evaluation).toMatchObject({ 'caption, same things': 0 });

  // The user's own conversations, whole and in two parts.
  const common = ['--model', at('s1'), '--batch', '2', '--rate', '0.01'];
  await train(conversations, '--out', at('whole'), ...common, '--steps', '2');
  const model = await load(at('whole'), { device: 'simd', threads: 2 });
  const answer = await ask(model, at('1.png'), 'What?', { minNewTokens: 4 });
  const number = await ask(model, [], 'How many?', { temperature: 0, maxNewTokens: 96 });
  await model.close();
  expect(answer.length).toBeGreaterThan(0);
  const { steps, settings } = JSON.parse(await readFile(join(at('whole'), 'curves.json'), 'utf8'));
  expect(settings.phases[0].recipe).toMatchObject({ steps: 2, batch: 2, peak: 0.01 });
  expect(steps.map(({ step }: { step: number }) => step)).toEqual([1, 2]);
  const page = await readFile(join(at('whole'), 'curves.html'), 'utf8');
  expect(page).toContain('stage-3: 2 steps of 2');
  expect(page).not.toMatch(/NaN|undefined|https?:/);

  const stopped = await interrupted(conversations, '--out', at('parts'), ...common, '--steps', '2');
  expect([stopped.code, await readdir(at('parts'))]).toEqual([130, expect.not.arrayContaining(['model.safetensors'])]);
  const state = join(at('parts'), 'training.safetensors');
  expect(stopped.stderr).toMatch(/qvl train .*d\.jsonl --resume .*parts.training\.safetensors goes on/);
  await train(conversations, '--resume', state);
  expect(await weights('parts')).toBe(await weights('whole'));
  await writeFile(at('other.jsonl'), `${await readFile(conversations, 'utf8')}\n`);
  await expect(train(at('other.jsonl'), '--resume', state)).rejects.toThrow('not the file that the run began with');
  await expect(train('--resume', state)).rejects.toThrow('name the same file');
  await expect(train(conversations, '--resume', state, '--steps', '3')).rejects.toThrow('--steps: a run that goes on');

  // An adapter over it: its own folder, which goes on over the same base alone.
  const adapted = await train(conversations, '--lora', '2', '--out', at('lora'), ...common, '--steps', '2');
  expect(adapted.stderr).toMatch(/\d k parameters are trained, [\d.]+ %[\s\S]*--model .*s1 --adapter .*lora$/m);
  const files = [
    'adapter_config.json',
    'adapter_model.safetensors',
    'curves.html',
    'curves.json',
    'training.safetensors',
  ];
  expect((await readdir(at('lora'))).sort()).toEqual(files);
  const inspected = await qvlHere(runInspect, at('s1'), '--adapter', at('lora'));
  expect(inspected.stdout).toMatch(/transformer\.h\.1\.mlp\.w2 +2 +[\d.]+ %/);
  const bytes = await readFile(join(at('lora'), 'adapter_model.safetensors'));
  const trained = join(at('lora'), 'training.safetensors');
  await train(conversations, '--resume', trained, '--model', at('s1'));
  expect((await readFile(join(at('lora'), 'adapter_model.safetensors'))).equals(bytes)).toBe(true);
  await expect(train(conversations, '--resume', trained, '--model', at('s0'))).rejects.toThrow('not the model that');
  await expect(train(conversations, '--resume', state, '--model', at('s1'))).rejects.toThrow(
    'the state has all weights',
  );

  const evaluated = await qvlHere(
    runEval,
    conversations,
    '--model',
    at('whole'),
    '--device',
    'simd',
    '--html',
    at('e.html'),
    '--json',
    at('e.json'),
  );
  expect(evaluated.stdout).toMatch(/conversation +Chinese +IoU ≥ 0\.5 +1 [\s\S]*naming +English +exact match +1 /);
  expect(evaluated.stdout).toMatch(/English +relaxed accuracy +1 /);
  const { answers } = JSON.parse(await readFile(at('e.json'), 'utf8'));
  await expect(qvlHere(runEval, '--style', 'crayon')).rejects.toThrow('--style: "crayon", expected one of noto');
  await expect(qvlHere(runEval, conversations, '--style', 'noto')).rejects.toThrow('it is for made scenes');
  expect(answers[2]).toMatchObject({ question: 'How many?', answer: number.trim() });
  expect(answers.map(({ references }: { references: string[] }) => references.length)).toEqual([1, 1, 2]);
  expect(await readFile(at('e.html'), 'utf8')).toContain('The worst: naming');
});

test('a run that goes on draws its tasks by the shares that it began with', async () => {
  const shares = 'several pictures 0, dialogue 0, grounding dialogue 0, reading dialogue 0, text dialogue 0';
  const words = ['--model', at('s1'), '--steps', '2', '--batch', '2', '--shares', shares, '--out', at('shares')];
  expect((await interrupted(...words)).code).toBe(130);
  await train('--resume', join(at('shares'), 'training.safetensors'));
  const { steps, settings } = JSON.parse(await readFile(join(at('shares'), 'curves.json'), 'utf8'));
  expect(settings.shares).toMatchObject({ 'several pictures': 0 });
  expect(steps.map(({ tasks }: { tasks: object }) => Object.keys(tasks))).toEqual([['text'], ['text']]);
});

describe('what cannot be trained is said before anything is done', () => {
  test.each([
    [[], 'no folder for the trained checkpoint'],
    [['--out', 'package.json/x'], 'is no folder'],
    [['--out', 'x', '--stage', '4'], '--stage: "4", expected 0, 1, 2 or 3'],
    [['--out', 'x', '--stage', 'constructor'], '--stage: "constructor"'],
    [['--out', '.'], 'there is something in it already'],
    [['--out', 'x', '--rate', '2'], '--rate: "2"'],
    [['--out', 'x', '--rate', ''], '--rate: ""'],
    [['--out', 'x', '--seed', '4294967296'], '--seed: "4294967296"'],
    [['--out', 'x', '--steps', '0'], '--steps: "0"'],
    [['a', 'b', '--out', 'x'], '2 files'],
    [['gone.jsonl', '--out', 'x'], 'gone.jsonl'],
    [['--resume', 'gone.safetensors'], 'gone.safetensors: there is no such file'],
    [['--resume', 'golden/tiny/config.json'], 'expected'],
    [['--price', '--out', 'x'], 'it is not for --price'],
    [['--out', 'x', '--lora', '1025'], '--lora: "1025"'],
    [['--out', 'x', '--lora', '4', '--stage', '2'], '--lora: stage 2 trains weights'],
    [['--out', 'x', '--lora', '4', '--lora-alpha', '0'], '--lora-alpha: "0"'],
    [['--out', 'x', '--lora', '4', '--lora-targets', 'w1,out_proj,w9'], 'ends in "w9"'],
    [['--out', 'x', '--lora-targets', 'w1'], '--lora-targets: no adapter is trained'],
    [['--out', 'x', '--model', 'golden/tiny-int4'], 'too few to learn in'],
    [['--out', 'x', '--pack', '64'], '--pack: only the made samples of stage 2'],
    [['--out', 'x', '--stage', '2', '--pack', '9999999'], '--pack: "9999999"'],
    [['--out', 'x', '--stage', '1', '--shares', 'caption 1'], '--shares: only stages 2 and 3'],
    [['--out', 'x', '--shares', 'caption 1'], '--shares: "caption", expected one of dialogue'],
  ] as const)('%j', async (words, message) => {
    await expect(train(...words)).rejects.toThrow(message);
    expect(await readdir('.')).not.toContain('x');
  });

  test('a model that the memory cannot hold', async () => {
    const huge = await tinyFolder(at('huge'), { num_hidden_layers: 1024, intermediate_size: 400_000 });
    const words = ['--stage', '0', '--model', huge, '--out', at('z')];
    await expect(train(...words)).rejects.toThrow(/take \d{4}\.\d GB, and [\d.]+ GB of this machine/);
  });

  test('a user’s file has no tasks to draw', async () => {
    await expect(train(conversations, '--shares', 'dialogue 1', '--out', at('y'))).rejects.toThrow(
      '--shares: conversations are learned as they come',
    );
  });

  test('a user’s file is not for stage 0', async () => {
    await expect(train(conversations, '--stage', '0', '--model', at('tiny'), '--out', at('y'))).rejects.toThrow(
      'made scenes alone',
    );
  });
});

test('what the paper’s stages cost', async () => {
  const { stdout } = await qvlHere(runTrain, '--price', '--model', at('tiny'));
  expect(stdout).toMatch(/stage-1 +50\.0 k × 30\.7 k +512, 1 /);
  expect(stdout.split('\n').filter((line) => /^ {2}stage-/.test(line))).toHaveLength(3);
});
