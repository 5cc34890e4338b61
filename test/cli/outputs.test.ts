import { link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { obey } from '../../src/cli/chat-commands.ts';
import { newConversation } from '../../src/cli/conversation.ts';
import { checkOutputs } from '../../src/cli/outputs.ts';

let folder: string;
const at = (name: string) => join(folder, name);
/** As a user names it. */
const named = (word: string) => {
  if (word === 'What?') return word;
  const [, before, name, after] = /^(file:|'?)(.*?)('?)$/.exec(word)!;
  return before === 'file:' ? String(pathToFileURL(at(name))) : `${before}${at(name)}${after}`;
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qvl-outputs-'));
  await mkdir(at('model'));
  for (const name of [
    'in.png',
    'text',
    'x.activations.safetensors',
    'x.config.json',
    'model/config.json',
    'model/notes',
  ]) {
    await writeFile(at(name), 'text');
  }
  await symlink('in.png', at('soft.png'));
  await link(at('in.png'), at('hard.png'));
  await symlink('new.png', at('dangling.png'));
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ['the picture itself', ['in.png', 'What?'], { boxes: 'in.png' }],
  ['the same by another path', ['in.png', 'What?'], { boxes: 'model/../in.png' }],
  ['a symbolic link to it', ['in.png', 'What?'], { boxes: 'soft.png' }],
  ['what a symbolic link leads to', ['soft.png', 'What?'], { boxes: 'in.png' }],
  ['a hard link to it', ['in.png', 'What?'], { boxes: 'hard.png' }],
  ['a picture by its URL', ['file:in.png', 'What?'], { boxes: 'in.png' }],
  ['a picture in quotes', ["'in.png'", 'What?'], { boxes: 'in.png' }],
  ['a file of the checkpoint', ['in.png', 'What?'], { model: 'model', output: 'model/config.json' }],
  ['a file of a folder that is read', ['model'], { json: 'model/config.json' }],
  ['a file of a golden named without its ending', ['x'], { output: 'x.activations.safetensors' }],
  ['what is judged', [], { judge: 'text', json: 'text' }],
  ['the table of tolerances', [], { tolerances: 'text', html: 'text' }],
])('what is read is not written: %s', async (_, words, options) => {
  const paths = Object.entries(options).map(([name, path]) => [name, at(path)]);
  const check = checkOutputs(words.map(named), Object.fromEntries(paths));
  await expect(check).rejects.toThrow(/it is what is read \(".+"\); choose another file with -/);
});

test.each([
  ['a folder', { json: 'model' }, /it is a folder; choose another file with --json/],
  ['a folder above that is a file', { trace: 'text/x/y' }, /"\S+text" is no folder; .+--trace/],
  ['a folder by a way that is not there', { html: 'gone/../model' }, /it is a folder/],
  ['one file for two options', { html: 'new', json: 'model/../new' }, /--html: ".+", which is what --json writes/],
])('%s cannot be written', async (_, options, message) => {
  const paths = Object.entries(options).map(([name, path]) => [name, `${folder}/${path}`]);
  await expect(checkOutputs([], Object.fromEntries(paths))).rejects.toThrow(message);
});

test('neither what comes with the project, nor a picture of a conversation', async () => {
  const check = checkOutputs([], { json: 'golden/quirks/model-e.config.json' });
  await expect(check).rejects.toThrow('it is what is read');
  const conversation = newConversation(448);
  conversation.next.push({ path: at('in.png'), picture: { width: 1, height: 1, data: new Uint8Array(3) } });
  const leave = () => expect.fail('it should not');
  await expect(obey(`/save ${at('soft.png')}`, conversation, leave)).rejects.toThrow('it is what is read');
  await expect(obey(`/save ${folder}`, conversation, leave)).rejects.toThrow('it is a folder');
  await obey(`/save ${at('talk.json')}`, conversation, leave);
  expect(await readFile(at('talk.json'), 'utf8')).toBe('[]\n');
});

test('an empty name is none', async () => {
  await expect(checkOutputs([], { output: '' })).rejects.toThrow('-o: an empty name');
  await expect(checkOutputs([], { out: '' })).rejects.toThrow('--out: an empty name');
});

test('anything else can be written: what is new, what is there and is not read, links that lead nowhere, pipes', async () => {
  const fine = ['new.png', 'gone/new.png', 'text', 'dangling.png', 'model/notes', 'x.json'];
  for (const name of fine) {
    for (const path of [at(name), relative('', at(name))]) {
      await checkOutputs([at('in.png'), at('x'), 'What?'], { model: at('model'), boxes: path });
    }
  }
  await checkOutputs([at('in.png')], { json: '/dev/stdout' });
});
