import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Small files beside the folders of `src`, which everyone may use. */
const SHARED = 'src';
const MODEL = ['src/model', 'src/architecture', 'kernels', 'tensor', SHARED];
const GENERATE = ['src/generate', 'src/data', 'src/input', 'src/checkpoint', ...MODEL];
/** Roofs are measured with operations of their own, and these are all that the device needs of the profile. */
const ROOFS = 'src/profile/roof-recipes.ts';
const PEERS = ['src/train', 'src/eval', 'src/verify', 'src/profile'];
const LIBRARY = ['src/arguments.ts', 'src/open-device.ts', ...PEERS, ...GENERATE];

/** What each room of the house may know beside itself; a room is a folder, or a file where folders meet. */
const MAY_KNOW: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  kernels: ['tensor'],
  [SHARED]: [],
  'src/architecture': [SHARED],
  'src/input': ['tensor', SHARED],
  'src/checkpoint': ['src/architecture', 'tensor', SHARED],
  'src/model': MODEL,
  'src/generate': GENERATE,
  'src/data': GENERATE,
  [ROOFS]: ['kernels', 'tensor'],
  'src/open-device.ts': [ROOFS, 'kernels', 'tensor', SHARED], // it joins the engine with the kernels
  ...Object.fromEntries(PEERS.map((peer) => [peer, ['src/open-device.ts', ROOFS, ...PEERS, ...GENERATE]])),
  'src/arguments.ts': LIBRARY,
  'src/index.ts': LIBRARY,
  'src/cli': LIBRARY,
  'src/explorer': LIBRARY,
};

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Every file with the files that it imports, types too. */
const graph = new Map(
  ['src', 'tensor', 'kernels']
    .flatMap((folder) =>
      (readdirSync(join(root, folder), { recursive: true }) as string[]).map((file) => join(folder, file)),
    )
    .filter((file) => /\.(tsx?|css|json)$/.test(file))
    .map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'))]),
);

function importsOf(file: string, text: string): string[] {
  const paths = text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']*)'/g);
  return [...paths].map(([, path]) => normalize(join(dirname(file), path)));
}

function roomOf(file: string): string {
  if (Object.hasOwn(MAY_KNOW, file)) return file;
  const [top, folder, ...rest] = file.split('/');
  return top !== 'src' || rest.length === 0 ? top : `${top}/${folder}`;
}

/** The imports that go against the order, each as `from → to`. */
function againstTheOrder(imports: ReadonlyMap<string, readonly string[]>): string[] {
  return [...imports].flatMap(([file, paths]) => {
    const room = roomOf(file);
    const known = MAY_KNOW[room];
    if (!known) return [`${file} is in no room that is known here`];
    return paths
      .filter((path) => roomOf(path) !== room && !known.includes(roomOf(path)))
      .map((path) => `${file} → ${path}`);
  });
}

/** The first circle that is found, file by file; none if it is empty. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const way: string[] = [];
  const follow = (file: string): string[] => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return [];
    way.push(file);
    for (const path of imports.get(file) ?? []) {
      const circle = follow(path);
      if (circle.length > 0) return circle;
    }
    way.pop();
    done.add(file);
    return [];
  };
  for (const file of imports.keys()) {
    const circle = follow(file);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe('imports', () => {
  test('go one way, in the order of the house', () => {
    expect(againstTheOrder(graph)).toEqual([]);
  });

  test('make no circle', () => {
    expect(circleIn(graph)).toEqual([]);
  });

  test('are of files that exist', () => {
    const missing = [...graph].flatMap(([file, paths]) =>
      paths.filter((path) => !graph.has(path)).map((path) => `${file} → ${path}`),
    );
    expect(missing).toEqual([]);
    expect(graph.size).toBeGreaterThan(200);
  });
});

describe('what breaks the rules is found', () => {
  test('an import that goes up, aside, or out of an unknown room', () => {
    const found = againstTheOrder(
      new Map([
        ['tensor/op.ts', ['kernels/add.ts', 'tensor/tap.ts']],
        ['src/input/text/bpe.ts', ['src/model/decoder.ts', 'src/quote.ts', 'src/input/picture/picture.ts']],
        ['src/quote.ts', ['src/index.ts']],
        ['src/verify/golden.ts', ['src/train/loss.ts']],
        ['src/attic/old.ts', []],
      ]),
    );
    expect(found).toEqual([
      'tensor/op.ts → kernels/add.ts',
      'src/input/text/bpe.ts → src/model/decoder.ts',
      'src/quote.ts → src/index.ts',
      'src/attic/old.ts is in no room that is known here',
    ]);
  });

  test('a circle behind files that are in none, and through types', () => {
    const texts = { a: "import './b.ts';", b: "export { c } from './c.ts';", c: "import type { D } from './d.ts';" };
    const files = Object.entries({ ...texts, d: "const lazily = import('./b.ts');" });
    const imports = new Map(files.map(([name, text]) => [`${name}.ts`, importsOf(`${name}.ts`, text)]));
    expect(circleIn(imports)).toEqual(['b.ts', 'c.ts', 'd.ts', 'b.ts']);
    imports.set('d.ts', []);
    expect(circleIn(imports)).toEqual([]);
  });
});
