import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sample } from 'fast-check';
import { openDevice } from '../../src/open-device.ts';
import { functionsIn } from '../../src/verify/sources.ts';
import { closeDevice, createDevice } from '../../tensor/device.ts';
import { read, tensor } from '../../tensor/tensor.ts';
import type { Func } from '../../tensor/wasm/code.ts';
import { type Case, sizesOf } from '../kernels/case.ts';
import { cases } from '../kernels/cases.ts';
import { filesBelow } from './files.ts';

/** Examples of each operation that are heard on `simd`: some kernels run for some sizes alone. */
const EXAMPLES = 6;

/** What the sources say of an operation. */
interface Declared {
  readonly name: string;
  readonly file: string;
  readonly signature: string;
  readonly formula: string;
  /** Names of its GPU.js kernels, or of the operations whose kernels it runs. */
  readonly kernels: readonly string[];
  /** The operations that its gradient is written with; undefined where it has none. */
  readonly gradient: readonly string[] | undefined;
}

/** All operations as a table: what the sources declare, what runs on `simd`, and which files call them. */
export async function operationsTable(): Promise<string> {
  const operations = await declaredOperations();
  const [simd, users] = [await simdFiles(), await usersOf(operations)];
  const rows = operations.map(({ name, file, signature, formula, kernels, gradient }) => [
    `[\`${name}\`](${file})`,
    `\`${signature}\``,
    formula,
    kernels.join(', '),
    (simd.get(name) ?? []).map(link).join(' '),
    gradient === undefined ? '' : gradient.join(', ') || 'its dy',
    (users.get(name) ?? []).map(link).join(' '),
  ]);
  const head = ['operation', 'signature', 'what', 'kernels', 'SIMD', 'gradient by', 'called in'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const link = (file: string): string => `[${basename(file, '.ts')}](${file})`;

async function declaredOperations(): Promise<Declared[]> {
  const kernels = (await readdir('kernels'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join('kernels', file));
  const sources = await Promise.all(
    [...kernels, 'src/profile/roof-kernels.ts'].map(async (file) => [file, await readFile(file, 'utf8')] as const),
  );
  // An operation is an object with a name and a signature, which ends where a line begins with a brace.
  const found = sources.flatMap(([file, source]) =>
    [
      ...source.matchAll(/: Op = \{\n {2}name: '(\w+)',\n {2}signature: parseSignature\('(.*)'\),\n([\s\S]*?)\n\};/g),
    ].map(([, name, signature, members]) => ({ name, file, signature, members, source })),
  );
  const names = found.map(({ name }) => name);
  return found.map(({ name, file, signature, members, source }) => {
    const back = /\n {2}gradient[\s\S]*/.exec(`\n${members}`)?.[0];
    const forward = members.slice(0, members.length - (back?.length ?? 1) + 1);
    return {
      name,
      file,
      signature,
      formula: firstClause(functionsIn(source, file).find((each) => each.name === name)!.comment),
      kernels: unique([...forward.matchAll(/\brun\((\w+),|(\w+)Op\.kernels/g)].map(([, own, other]) => own ?? other)),
      gradient: back === undefined ? undefined : unique(calledIn(back)).filter((each) => names.includes(each)),
    };
  });
}

/** A comment up to the first end of a clause that stands outside of code. */
function firstClause(comment: string): string {
  const parts = comment.replaceAll('\n', ' ').match(/`[^`]*`|[^`]+/g) ?? [];
  let clause = '';
  for (const part of parts) {
    const end = part.startsWith('`') ? -1 : part.search(/[.:;](\s|$)| \(/);
    clause += end < 0 ? part : part.slice(0, end);
    if (end >= 0) break;
  }
  return clause.replaceAll('|', '\\|');
}

const calledIn = (code: string): string[] => [...code.matchAll(/\b(\w+)\(/g)].map(([, called]) => called);

const unique = (names: readonly string[]): string[] => [...new Set(names)];

/** For each operation the files of its recipe, where it has one of its own, and of the SIMD kernels that it runs. */
async function simdFiles(): Promise<Map<string, string[]>> {
  const { kernels: files, recipes } = await writtenIn();
  const { device: opened } = await openDevice('simd', 1);
  const { driver } = opened;
  const heard = new Map<string, Set<string>>();
  const device = createDevice({
    ...driver,
    run(op, inputs, sizes, shape) {
      const kernels = heard.get(op.name) ?? new Set();
      heard.set(op.name, kernels);
      return driver.run(op, inputs, sizes, shape, (kernel) => void kernels.add(kernel));
    },
  });
  for (const each of cases)
    for (const sizes of sample(sizesOf(each), { numRuns: EXAMPLES, seed: 1 })) await run(each, sizes);
  await closeDevice(device);
  const filesOf = (op: string, kernels: ReadonlySet<string>) =>
    unique([...(recipes.get(op) ?? []), ...[...kernels].map((kernel) => files.get(kernel)!).sort()]);
  return new Map([...heard].map(([op, kernels]) => [op, filesOf(op, kernels)]));

  async function run(each: Case, sizes: Readonly<Record<string, number>>): Promise<void> {
    const example = each.example(sizes);
    const inputs = Object.entries(example.inputs).map(
      ([label, { data, shape }]) => [label, tensor(device, data, shape, { label })] as const,
    );
    await read(example.run(Object.fromEntries(inputs), device));
  }
}

/** Where each SIMD kernel is written, and each recipe: a module exports some kernels, or records of them. */
async function writtenIn(): Promise<{ kernels: Map<string, string>; recipes: Map<string, string[]> }> {
  const kernels = new Map<string, string>();
  const recipes = new Map<string, string[]>();
  for (const file of [
    ...(await filesBelow('kernels/simd', '.ts')),
    ...(await filesBelow('src/profile', '-recipes.ts')),
  ]) {
    const exported = Object.values((await import(`../../${file}`)) as Record<string, unknown>);
    // A list names kernels that other files may have written.
    const own = exported.filter((value) => !Array.isArray(value));
    for (const kernel of own.flatMap((value) => [value, ...Object.values(Object(value) as object)])) {
      if (isKernel(kernel)) kernels.set(kernel.name, file);
    }
    for (const [, op] of (await readFile(file, 'utf8')).matchAll(/\bop: '(\w+)'/g)) recipes.set(op, [file]);
  }
  return { kernels, recipes };
}

const isKernel = (value: unknown): value is Func =>
  typeof value === 'object' && value !== null && 'body' in value && 'parameters' in value && 'name' in value;

/** Which files of the system and of other operations import each operation. */
async function usersOf(operations: readonly Declared[]): Promise<Map<string, string[]>> {
  const users = new Map<string, string[]>();
  const files = [...(await filesBelow('src', '.ts')), ...(await filesBelow('kernels', '.ts'))];
  for (const file of files.filter((each) => !each.startsWith('kernels/simd/'))) {
    const imports = (await readFile(file, 'utf8')).matchAll(/^import \{([^}]*)\} from '([^']*)'/gm);
    for (const [, names, from] of imports) {
      const imported = join(dirname(file), from);
      for (const name of names.split(',').map((each) => each.trim().replace(/^type | as .*|Op$/g, ''))) {
        const operation = operations.find((each) => each.name === name && each.file === imported);
        if (operation) users.set(name, unique([...(users.get(name) ?? []), file]));
      }
    }
  }
  return users;
}
