import { access, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { activationsPage } from './activations.ts';
import { filesBelow } from './files.ts';
import { operationsTable } from './operations.ts';

/** What is generated is compared with what is stored, or with UPDATE_DOCS=1 stored. */
const UPDATE = process.env.UPDATE_DOCS === '1';
const REMEDY = 'the code has changed: UPDATE_DOCS=1 npx vitest run test/docs';

test('ACTIVATIONS.md lists every activation', async () => {
  const page = await activationsPage();
  if (UPDATE) await writeFile('ACTIVATIONS.md', page);
  expect(await readFile('ACTIVATIONS.md', 'utf8'), REMEDY).toBe(page);
});

test('MODEL.md lists every operation', async () => {
  const [begin, end] = ['<!-- operations, generated -->\n', '\n<!-- end -->'];
  const page = await readFile('MODEL.md', 'utf8');
  const [before, after] = [page.split(begin)[0], page.split(end)[1]];
  const expected = `${before}${begin}${await operationsTable()}${end}${after}`;
  if (UPDATE) await writeFile('MODEL.md', expected);
  expect(await readFile('MODEL.md', 'utf8'), REMEDY).toBe(expected);
});

const DOCUMENTS = [
  'README.md',
  'MODEL.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'ACTIVATIONS.md',
  'kernels/simd/README.md',
  'golden/README.md',
  'golden/picture-book/README.md',
];

test.each(DOCUMENTS)('what %s links to is there', async (document) => {
  const text = await readFile(document, 'utf8');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  const files = links.filter((target) => !/^[a-z]+:|^#/.test(target)).map((target) => target.replace(/#.*/, ''));
  expect(files.length).toBeGreaterThan(0);
  expect(await missing([...new Set(files)].map((file) => join(dirname(document), file)))).toEqual([]);
});

const SOURCE = /(?:src|tensor|kernels|test|golden|bench)\/[\w./-]+\.(?:ts|mjs|py|md)\b/g;
const NAMED = /`([\w.-]+\.(?:ts|mjs|md))`/g;

/** Files that are named without a link: by their whole path, in drawings too, or by a name that some file has. */
test.each(DOCUMENTS)('what %s names is there', async (document) => {
  const text = (await readFile(document, 'utf8')).replace(/\]\([^)\s]+\)/g, ']');
  const named = [...(text.match(SOURCE) ?? []), ...[...text.matchAll(NAMED)].map(([, name]) => name)];
  const folders = await Promise.all(
    ['src', 'tensor', 'kernels', 'test', 'golden', 'bench'].map((folder) => filesBelow(folder, '')),
  );
  const files = [...folders.flat(), ...DOCUMENTS];
  const there = (name: string) => files.some((file) => file === name || file.endsWith(`/${name}`));
  const example = (name: string) => /\bname\.ts$/i.test(name); // stands for a file that is to be written
  expect(named.filter((name) => !there(name) && !example(name))).toEqual([]);
});

async function missing(files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => undefined,
        () => file,
      ),
    ),
  );
  return found.filter((file) => file !== undefined);
}
