import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { ROOT } from '../shipped.ts';
import { SHIPPED } from './beside.ts';
import { HEADERS } from './headers.ts';
import { findSources } from './sources.ts';

/** Kernels are JavaScript that GPU.js reads: nothing may be rewritten, and short names would be those that GPU.js makes up itself. */
const MINIFY = { compress: false, mangle: false, codegen: { removeWhitespace: true } } as const;

/** Where kernels are, or what they are made of. */
const KERNELS = /\/(kernels\/[^/]+|profile\/roof-kernels|tensor\/gpu-js[^/]*)\.ts$|\/node_modules\//;

/** Scripts of the engine without a kernel in them get short names. */
const shortNames: Plugin = {
  name: 'short-names',
  async generateBundle(_, bundle) {
    const { minify } = await import('vite');
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk' || chunk.moduleIds.some((id) => KERNELS.test(id))) continue;
      const options = { ...MINIFY, module: true, mangle: { toplevel: true } };
      chunk.code = (await minify(chunk.fileName, chunk.code, options)).code;
    }
  },
};

/**
 * Builds the page into a folder, with the sample pictures and its service worker: all that it needs but what lies beside it.
 *
 * @param folder is emptied first
 */
export async function buildPage(folder: string): Promise<void> {
  const { build } = await import('vite'); // half a second that only a build takes
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const samples = await readdir(SHIPPED.pictures).then((files) => files.filter((file) => !file.endsWith('.json')));
  await build({
    root: join(ROOT, 'src/explorer/page'),
    configFile: false,
    logLevel: 'error',
    base: './', // any folder of any host
    define: {
      SAMPLE_FILES: JSON.stringify(samples),
      PROJECT: JSON.stringify(`qwen-vl-ts ${version}`),
      RECORDED_ANSWERS: JSON.stringify(await recordedAnswers()),
    },
    worker: { format: 'es', plugins: () => [shortNames], rolldownOptions: { output: { minify: MINIFY } } },
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
  await writeFile(join(folder, 'sources.json'), JSON.stringify(await findSources()));
  await writeServiceWorker(folder);
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

/** The service worker, which has no bundle: its text, with the list of the files that are there now, each with its hash. */
async function writeServiceWorker(folder: string): Promise<void> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const hashed = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(folder, name)));
    return [name, `sha256-${hash.digest('base64')}`] as const;
  });
  const files = JSON.stringify(Object.fromEntries(await Promise.all(hashed)));
  const source = await readFile(join(ROOT, 'src/explorer/page/service-worker.ts'), 'utf8');
  const { transformWithOxc } = await import('vite');
  const { code } = await transformWithOxc(source, 'service-worker.ts');
  const version = createHash('sha256').update(files).update(code).digest('hex').slice(0, 16);
  const given = { VERSION: version, HEADERS, FILES: JSON.parse(files) };
  const constants = Object.entries(given).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`);
  await writeFile(join(folder, 'service-worker.js'), constants.join('') + code);
}
