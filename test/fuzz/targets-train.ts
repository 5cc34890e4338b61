import { createHash } from 'node:crypto';
import { writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import type { HostTensor } from '../../src/checkpoint/stored-tensor.ts';
import { readConversationLines } from '../../src/data/conversation-lines.ts';
import { curvesPage } from '../../src/train/curves.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import { loadState } from '../../src/train/state.ts';
import { inFolder, link } from './files.ts';
import { jsonTarget, parseJson, promise, type Target } from './target.ts';

const record = {
  phase: 'stage-2',
  loss: 2.5,
  rate: 1e-3,
  norm: 3,
  tasks: { caption: 2 },
  tokens: 9,
  pictures: 1,
  milliseconds: 7,
};
const states = () => [
  JSON.stringify({
    settings: { seed: 1, phases: [{ phase: 'stage-2', recipe: RECIPES.small['stage-2'] }], data: 'ab' },
    ...{ phase: 0, step: 2 },
    history: [
      { ...record, step: 1 },
      { ...record, step: 2, evaluation: { 'caption, CIDEr': 1 } },
    ],
  }),
];

/** A state whose checksum is right, whatever it says. */
function stateFile(text: string): Uint8Array {
  const { history, ...rest } = (parseJson(text) ?? {}) as { history?: unknown };
  const bytes = new TextEncoder().encode(JSON.stringify(history) ?? '');
  const weight = new Float32Array(6);
  const tensors = new Map<string, HostTensor>([
    ['weight.x', { dtype: 'float32', shape: [2, 3], data: weight }],
    ['history', { dtype: 'uint8', shape: [bytes.length], data: bytes }],
  ]);
  const state = JSON.stringify(rest);
  const hash = createHash('sha256').update(state).update(new Uint8Array(weight.buffer)).update(bytes);
  return writeSafetensors(tensors, { state, sha256: hash.digest('hex') });
}

const readState = (text: string) =>
  inFolder({ state: stateFile(text) }, async (folder) => {
    const { settings, step, tensors, history } = await loadState(`${folder}/state`);
    promise(tensors.get('weight.x')?.data.length === 6 && Number.isInteger(step), 'a state is all there');
    const page = curvesPage({ date: '', project: '', runtime: '', system: '' }, settings, history);
    promise(!/<script|undefined/.test(page), 'its curves are drawn');
  });

const conversations = () => [
  JSON.stringify({
    id: 'x',
    conversations: [
      { from: 'user', value: 'Picture 1: <img>one.png</img>\nWhere is the star?' },
      { from: 'assistant', value: '<ref>star</ref><box>(1,2),(3,4)</box>' },
    ],
  }),
];

const readLines = (text: string) =>
  inFolder({ 'd.jsonl': text, 'one.png': link('preprocess/one.png') }, async (folder) => {
    for (const { pictures, messages } of await readConversationLines(`${folder}/d.jsonl`)) {
      promise(
        pictures.every((path) => path.startsWith(`${folder}/`)),
        'nothing beside the file is opened',
      );
      promise(messages[0].from === 'user', 'the user begins');
    }
  });

export const trainTargets: Readonly<Record<string, Target>> = {
  'training-state': jsonTarget(states, readState),
  conversations: jsonTarget(conversations, readLines),
};
