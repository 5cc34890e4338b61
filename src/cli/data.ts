import { dirname, join, resolve } from 'node:path';
import { readVocabularyFile } from '../checkpoint/vocabulary-file.ts';
import { readConversationLines, withLine } from '../data/conversation-lines.ts';
import {
  openWorld,
  PAPER_STAGE_2,
  type Sample,
  type Stage,
  sampleAt,
  sharesOf,
  type TaskName,
  taskOf,
  withShares,
} from '../data/index.ts';
import { type ShownSample, samplesPage } from '../data/page.ts';
import { writeConversations } from '../data/write-conversations.ts';
import { InputError } from '../error.ts';
import { openPicture } from '../input/picture/picture-source.ts';
import { createTokenizer, type Tokenizer } from '../input/text/tokenizer.ts';
import { quote } from '../quote.ts';
import { ROOT } from '../shipped.ts';
import { sampleSequence } from '../train/samples.ts';
import { spansOf } from '../train/spans.ts';
import { save } from './files.ts';
import type { Options } from './options.ts';
import { checkOutput } from './outputs.ts';
import { canPreview, previewPicture } from './preview.ts';
import { sharesIn } from './shares.ts';
import { bold, dim, draw, green, print, say, sayPassing } from './terminal.ts';

/** What the small model sees of a picture: pixels a side, and rows. */
const SMALL = { side: 112, imageTokens: 16 };
const VOCABULARY = join(ROOT, 'src', 'data', 'vocabulary', 'qwen.tiktoken');
const MOST = { samples: 100_000, onPage: 1000, seed: 2 ** 31 };

/** Samples that can be gone through again. */
type Samples = () => AsyncGenerator<Sample>;

/** What is shown or written, and how a page begins. */
interface Chosen {
  readonly samples: Samples;
  readonly title: string;
  readonly lead: string;
}

const MARKED = 'The loss is on what is marked.';

/** `qvl data [--stage N] [--task NAME] [--shares TASKS] [--seed N] [--from FILE.jsonl] [--show N] [--html FILE] [--out FOLDER]` */
export async function runData(words: string[], options: Options): Promise<void> {
  if (words.length > 0) throw new InputError('qvl data', `${quote(words[0])} is too much`, 'see "qvl help"');
  const { html, out } = options;
  const count = numberOf(options, 'show', 1, html === undefined ? MOST.samples : MOST.onPage) ?? 5;
  if (out !== undefined && options.from !== undefined && resolve(out) === dirname(resolve(options.from))) {
    throw new InputError('--out', 'what is read lies in that folder', 'choose another folder');
  }
  if (out !== undefined) await checkOutput(join(out, 'samples.jsonl'), [], '--out');
  const { samples, title, lead } = options.from === undefined ? await made(options, count) : await own(options, count);
  if (out !== undefined) {
    const done = (written: number) => sayPassing(dim(`  ${written} of ${count} samples`));
    const written = await writeConversations(out, samples(), { remedy: 'choose another folder with --out', done });
    sayPassing('');
    say(`${written} samples: ${join(out, 'samples.jsonl')}`);
  }
  if (html === undefined && out !== undefined) return;
  const tokenizer = createTokenizer(await readVocabularyFile(VOCABULARY), VOCABULARY, SMALL.imageTokens);
  const shown: ShownSample[] = [];
  let index = 0;
  for await (const sample of samples()) {
    const each = shownOf(tokenizer, sample);
    if (html === undefined) show(each, index++);
    else shown.push(each);
  }
  if (html !== undefined) await save(html, await samplesPage(title, lead, shown), '--html');
}

/** Samples of a stage's mixture. */
async function made(options: Options, count: number): Promise<Chosen> {
  const stage = (numberOf(options, 'stage', 0, 3) ?? 2) as Stage;
  const seed = numberOf(options, 'seed', 0, MOST.seed) ?? 0;
  const task = options.task === undefined ? undefined : taskOf(stage, options.task, '--task');
  const mixture = withShares(stage, sharesIn(options) ?? {});
  if (options.out !== undefined && mixture.sight === 'slots') {
    throw new InputError('--out', 'in stage 0 words stand for pictures', 'choose another --stage, or --html');
  }
  const world = await openWorld();
  async function* samples() {
    for (let i = 0; i < count; i++)
      yield sampleAt(world, { stage, seed, side: SMALL.side, mixture, ...(task ? { task } : {}) }, i);
  }
  const shares = sharesOf(mixture.shares).map(([name, share]) => `${name} ${percent(share)}${inPaper(stage, name)}`);
  say(dim(`stage ${stage}: ${shares.join(', ')}`));
  return { samples, title: `Stage ${stage}, ${count} samples`, lead: `${shares.join(', ')}. ${MARKED}` };
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** The share that a task of stage 2 has in the paper. */
function inPaper(stage: Stage, task: TaskName): string {
  const found = stage === 2 && sharesOf(PAPER_STAGE_2).find(([name]) => name === task);
  return found ? ` (paper: ${percent(found[1])})` : '';
}

/** A user's own, one after the other. */
async function own(options: Options, count: number): Promise<Chosen> {
  for (const name of ['stage', 'seed', 'task', 'shares'] as const) {
    if (name in options) throw new InputError(`--${name}`, 'it is for samples that are made', 'leave it or --from out');
  }
  const { from = '' } = options;
  const lines = (await readConversationLines(from)).slice(0, count);
  async function* samples(): AsyncGenerator<Sample> {
    for (const line of lines) {
      const pictures = [];
      for (const path of line.pictures) pictures.push(await withLine(line, () => openPicture({ path })));
      const language = line.messages.some(({ value }) => /\p{Script=Han}/u.test(value)) ? 'Chinese' : 'English';
      yield { task: 'conversation', language, pictures, said: { form: 'conversation', messages: line.messages } };
    }
  }
  return { samples, title: `${lines.length} samples of ${from}`, lead: MARKED };
}

function numberOf(options: Options, name: 'show' | 'stage' | 'seed', least: number, most: number): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
  throw new InputError(
    `--${name}`,
    `${quote(text)}, expected a whole number from ${least} to ${most}`,
    'give such a number',
  );
}

function shownOf(tokenizer: Tokenizer, sample: Sample): ShownSample {
  const sequence = sampleSequence(tokenizer, sample);
  const supervised = sequence.labels.filter((label) => label >= 0).length;
  return { sample, spans: spansOf(tokenizer, sequence), tokens: sequence.ids.length, supervised };
}

/** What the loss is on is green, or between brackets where there are no colours. */
function show({ sample, spans, tokens, supervised }: ShownSample, index: number): void {
  const { task, language, pictures, slots = [] } = sample;
  print(`${bold(`${index} · ${task}`)} ${dim(`· ${language} · ${tokens} tokens, ${supervised} supervised`)}`);
  const seen = canPreview(process.stdout, process.env);
  for (const picture of pictures) if (seen) draw(previewPicture(picture, 56));
  for (const words of slots) for (const row of rowsOf(words)) print(dim(`  ${row}`));
  const coloured = process.stdout.isTTY && process.stdout.hasColors();
  const marked = coloured ? green : (text: string) => `⟦${text}⟧`;
  const lines = [''];
  for (const span of spans) {
    for (const [i, text] of span.text.split('\n').entries()) {
      if (i > 0) lines.push('');
      if (text !== '') lines[lines.length - 1] += span.supervised ? marked(text) : text;
    }
  }
  for (const line of lines) print(line);
  print('');
}

/** The words that stand for a picture, as a square. */
function rowsOf(words: readonly string[]): string[] {
  const side = Math.sqrt(words.length);
  const shown = words.map((word) => word.trim() || '·');
  const widthOf = (word: string) => word.length + (word.match(/\p{Script=Han}/gu)?.length ?? 0); // Chinese is twice as wide
  const width = Math.max(...shown.map(widthOf));
  const cells = shown.map((word) => word + ' '.repeat(width - widthOf(word)));
  return Array.from({ length: side }, (_, row) => cells.slice(row * side, (row + 1) * side).join(' │ '));
}
