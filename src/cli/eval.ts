import { relative } from 'node:path';
import { InputError } from '../error.ts';
import { type EvaluationItem, evaluate } from '../eval/evaluate.ts';
import { evaluationPage } from '../eval/page.ts';
import { rowsOf, tableLines, worstOf } from '../eval/table.ts';
import { userItems } from '../eval/user-items.ts';
import type { System } from '../generate/system.ts';
import { openSystemFor } from './ask.ts';
import { save } from './files.ts';
import { type Options, SHIPPED_MODEL, wholeNumber } from './options.ts';
import { imageSize } from './pictures.ts';
import { madeHere } from './publish.ts';
import { dim, print, say, sayPassing } from './terminal.ts';

/** How many of the worst answers of each task a page shows. */
const WORST = 12;
const MOST_TOKENS = 4096;

/** `qvl eval [FILE.jsonl]`: answers questions and judges the answers, by task and language. */
export async function runEval(words: string[], options: Options): Promise<void> {
  if (words.length > 1) throw new InputError('qvl eval', `${words.length} files`, 'give one file of conversations');
  const [file] = words;
  const maxNewTokens = wholeNumber(options, 'max-new-tokens', MOST_TOKENS);
  if (file === undefined) throw new InputError('qvl eval', 'no file of conversations', 'give one');
  const items = await userItems(file, await imageSize(options)); // bad input is known before any work starts
  const { system, report, close } = await openSystemFor(options);
  try {
    report.stop();
    await judge(system, items, file, options, maxNewTokens);
  } finally {
    await close();
  }
}

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
  const seconds = (performance.now() - start) / 1000;
  say(dim(`  ${items.length} answers in ${seconds.toFixed(1)} s`));
  const model = relative('', options.model ?? SHIPPED_MODEL) || '.';
  if (options.html) {
    const page = await evaluationPage({ made: await madeHere(), model, set }, rows, worstOf(judged, WORST));
    await save(options.html, page, '--html');
  }
  if (options.json) {
    const answers = judged.map(({ task, language, measures, question, references, answer }) => ({
      ...{ task, language, measures, question, references, answer },
    }));
    const whole = { schema: 'qwen-vl-ts evaluation', version: 1, made: await madeHere(), model, set, rows, answers };
    await save(options.json, `${JSON.stringify(whole)}\n`, '--json');
  }
}
