import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { LISTING } from './engine/page-folders.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The model that the page comes with, and pictures to ask it about. */
export const SHIPPED = { model: join(ROOT, 'golden/tiny'), pictures: join(ROOT, 'golden/tiny/pictures') };

/** What of a model folder the page reads. */
const MODEL_FILES = /^(config|generation_config|quantize_config)\.json$|\.(bin|safetensors|index\.json|tiktoken)$/;

/** Kernels are JavaScript that GPU.js reads: nothing may be rewritten, and short names would be those that GPU.js makes up itself. */
const MINIFY = { compress: false, mangle: false, codegen: { removeWhitespace: true } } as const;

/**
 * Builds the page's scripts and styles into a folder, with the sample pictures: all that it needs but the model.
 *
 * @param folder is emptied first
 */
export async function buildPage(folder: string): Promise<void> {
  const samples = await readdir(SHIPPED.pictures).then((files) => files.filter((file) => !file.endsWith('.json')));
  await build({
    root: join(ROOT, 'src/explorer/page'),
    configFile: false,
    logLevel: 'error',
    base: './', // any folder of any host
    define: { SAMPLE_FILES: JSON.stringify(samples), RECORDED_ANSWERS: JSON.stringify(await recordedAnswers()) },
    worker: { format: 'es', rolldownOptions: { output: { minify: MINIFY } } },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2022',
      cssMinify: true,
      modulePreload: false,
      assetsInlineLimit: 0,
    },
  });
  await mkdir(join(folder, 'pictures'));
  for (const file of samples) await copyFile(join(SHIPPED.pictures, file), join(folder, 'pictures', file));
}

/** The original's answers about one or more pictures, without what was said before. */
async function recordedAnswers() {
  const golden = JSON.parse(await readFile(join(SHIPPED.model, 'answers.json'), 'utf8')) as {
    readonly pictures: readonly string[];
    readonly history: readonly unknown[];
    readonly query: string;
    readonly text: string;
  }[]; // a file of ours
  return golden
    .filter(({ history }) => history.length === 0)
    .map(({ pictures, query, text }) => ({
      pictures,
      question: query.replace(/^(Picture \d+: <img><\/img>\n)+/, ''),
      answer: text,
    }));
}

/** The files of a model folder that the page reads, with their sizes. */
export async function listModel(folder: string): Promise<ReadonlyMap<string, number>> {
  const files = (await readdir(folder)).filter((file) => MODEL_FILES.test(file));
  return new Map(await Promise.all(files.map(async (file) => [file, (await stat(join(folder, file))).size] as const)));
}

/** Puts a model beside the page, with the list that the page reads it by. */
export async function copyModel(model: string, page: string): Promise<void> {
  const files = await listModel(model);
  const folder = join(page, 'model');
  await mkdir(folder);
  for (const file of files.keys()) await copyFile(join(model, file), join(folder, file));
  await writeFile(join(folder, LISTING), JSON.stringify(Object.fromEntries(files)));
}
