import { relative } from 'node:path';
import { ALL_STYLES, openWorld, type Style } from '../data/index.ts';
import { InputError } from '../error.ts';
import { thingsLines, thingsRows } from '../eval/by-things.ts';
import { type EvaluationItem, evaluate } from '../eval/evaluate.ts';
import { evaluationPage } from '../eval/page.ts';
import { type AskedStage, EVALUATION_SEEDS, sceneItems } from '../eval/scene-items.ts';
import { rowsOf, tableLines, worstOf } from '../eval/table.ts';
import { userItems } from '../eval/user-items.ts';
import type { System } from '../generate/system.ts';
import { quote } from '../quote.ts';
import { SHIPPED_MODEL } from '../shipped.ts';
import { openSystemFor } from './ask.ts';
import { save } from './files.ts';
import { type Options, wholeNumber } from './options.ts';
import { imageSize } from './pictures.ts';
import { madeHere } from './publish.ts';
import { dim, print, say, sayPassing } from './terminal.ts';
import { seedOf } from './train-start.ts';

/** How many of the worst answers of each task a page shows. */
const WORST = 12;
const MOST_TOKENS = 4096;

/** `qvl eval [FILE.jsonl]`: answers questions and judges the answers, by task and language. */
export async function runEval(words: string[], options: Options): Promise<void> {
  if (words.length > 1) throw new InputError('qvl eval', `${words.length} files`, 'give one file of conversations');
  const [file] = words;
  const maxNewTokens = wholeNumber(options, 'max-new-tokens', MOST_TOKENS);
  const given = file === undefined ? undefined : await userItems(file, await imageSize(options));
  const scenes = scenesOf(options, file); // bad input is known before any work starts
  const { system, report, close } = await openSystemFor(options);
  try {
    report.stop();
    const { styles, ...which } = scenes;
    const items = given ?? sceneItems(await openWorld(styles && { styles }), { ...which, ...sightOf(system) });
    const drawn = styles ? ` in the style of ${styles.join()}` : '';
    await judge(
      system,
      items,
      file ?? `${which.scenes} made scenes of seed ${which.seed}${drawn}`,
      options,
      maxNewTokens,
    );
  } finally {
    await close();
  }
}

const SCENES = 500;
const MOST_SCENES = 100_000;

/** How many scenes, and which: their seeds are beyond those of training, their drawings those of it unless one set is named. */
function scenesOf(
  options: Options,
  file: string | undefined,
): { scenes: number; seed: number; styles: [Style] | undefined } {
  const idle = (['scenes', 'seed', 'style'] as const).find((name) => file !== undefined && options[name] !== undefined);
  if (idle) throw new InputError(`--${idle}`, 'it is for made scenes', 'leave it out, or the file');
  return {
    scenes: wholeNumber(options, 'scenes', MOST_SCENES) ?? SCENES,
    seed: EVALUATION_SEEDS + seedOf(options),
    styles: styleOf(options),
  };
}

/** @throws InputError */
function styleOf({ style }: Options): [Style] | undefined {
  if (style === undefined) return undefined;
  const found = ALL_STYLES.find((name) => name === style);
  if (found) return [found];
  throw new InputError('--style', `${quote(style)}, expected one of ${ALL_STYLES.join(', ')}`, 'name one of them');
}

/** A model is asked as its folder says. */
const sightOf = ({ checkpoint: { config, generation } }: System): { side: number; stage: AskedStage } => ({
  side: config.visual.image_size,
  stage: generation.chat_format === 'raw' ? 2 : 3,
});

async function judge(
  system: System,
  items: readonly EvaluationItem[],
  set: string,
  options: Options,
  maxNewTokens: number | undefined,
): Promise<void> {
  const start = performance.now();
  const onProgress = (done: number, total: number) => sayPassing(dim(`  ${done} of ${total} answers`));
  const judged = await evaluate(system, items, { onProgress, ...(maxNewTokens ? { maxNewTokens } : {}) });
  sayPassing('');
  const rows = rowsOf(judged);
  for (const line of tableLines(rows)) print(line);
  const byThings = thingsRows(judged);
  for (const line of byThings.length > 0 ? ['', ...thingsLines(byThings)] : []) print(line);
  const seconds = (performance.now() - start) / 1000;
  say(dim(`  ${items.length} answers in ${seconds.toFixed(1)} s`));
  const folder = (path: string) => relative('', path) || '.';
  const adapted = options.adapter === undefined ? '' : ` with the adapter ${folder(options.adapter)}`;
  const model = `${folder(options.model ?? SHIPPED_MODEL)}${adapted}`;
  if (options.html) {
    const page = await evaluationPage({ made: await madeHere(), model, set }, rows, byThings, worstOf(judged, WORST));
    await save(options.html, page, '--html');
  }
  if (options.json) {
    const answers = judged.map(({ task, language, measures, things, question, references, answer }) => ({
      ...{ task, language, measures, things, question, references, answer },
    }));
    const head = { schema: 'qwen-vl-ts evaluation', version: 1, made: await madeHere() };
    const whole = { ...head, model, set, rows, byThings, answers };
    await save(options.json, `${JSON.stringify(whole)}\n`, '--json');
  }
}
