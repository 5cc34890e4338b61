import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Launch } from '../../tensor/device.ts';
import type { Config } from '../architecture/config.ts';
import { openConfig } from '../checkpoint/folder.ts';
import { ROOT } from '../shipped.ts';
import { findLine, functionsIn, kernelsIn, type SourceFunction } from '../verify/sources.ts';
import { listTaps, modelFrame, plainInputs } from '../verify/taps.ts';
import { SHIPPED } from './beside.ts';
import { passOf } from './engine/pass.ts';
import { sourceKey } from './engine/source-key.ts';
import { stationsOf } from './engine/station.ts';

/** A function of the sources, as the page shows it. */
export interface ShownFunction extends SourceFunction {
  /** Of an operation: what one thread of its kernels computes. */
  readonly kernels?: readonly { readonly name: string; readonly text: string }[];
}

/** Where a station is named, or launched. */
export interface ShownLine {
  readonly file: string;
  readonly line: number;
  readonly code: string;
  /** The function it stands in: its place in `functions`. */
  readonly within: number | undefined;
}

/** What the walk shows of the sources: read from them when the page is built. */
export interface Sources {
  /** By the station's name, without the number of its block. */
  readonly lines: Readonly<Record<string, ShownLine>>;
  /** By the operation's name: the place of its function in `functions`. */
  readonly operations: Readonly<Record<string, number>>;
  readonly functions: readonly ShownFunction[];
}

/**
 * Finds, for every station of a pass, the line that names it, the function around, and the function of the operation that makes it: as
 * `qvl explain` does. The prompt is one of every station there can be: with a picture, and so long that log-n is used.
 */
export async function findSources(model = SHIPPED.model): Promise<Sources> {
  const config = await openConfig(model);
  const functions: ShownFunction[] = [];
  const places = new Map<string, number>();
  const placeOf = (found: ShownFunction): number => {
    const file = relative(ROOT, found.file);
    const key = `${file}:${found.line}`;
    if (!places.has(key)) places.set(key, functions.push({ ...found, file }) - 1);
    return places.get(key)!;
  };
  const lines: Record<string, ShownLine> = {};
  for (const [name, at] of await calledAt(config)) {
    const key = sourceKey(name);
    if (Object.hasOwn(lines, key)) continue;
    const { file, line, code, within } = await findLine(at);
    lines[key] = { file: relative(ROOT, file), line, code, within: within && placeOf(within) };
  }
  const operations: Record<string, number> = {};
  for (const found of await kernelFunctions()) operations[found.name] ??= placeOf(found);
  return { lines, operations, functions };
}

/** Where each station comes about: an activation where it is named, anything else where its operation is launched. */
async function calledAt(config: Config): Promise<ReadonlyMap<string, string>> {
  const inputs = plainInputs(config, config.seq_length + 1);
  const launchedAt = new Map<Launch, string | undefined>();
  const pass = await passOf({ config, weights: {} }, inputs, (launch) =>
    launchedAt.set(launch, modelFrame(new Error().stack ?? '')),
  );
  const stations = stationsOf(pass, config, { images: 1, tokens: inputs.ids.length });
  const found = new Map<string, string>();
  for (const { name, calledAt } of await listTaps(config, inputs)) if (calledAt) found.set(name, calledAt);
  for (const [i, { launch }] of pass.entries()) {
    const { name } = stations[i];
    const at = launch && launchedAt.get(launch);
    if (at && !found.has(name)) found.set(name, at);
  }
  return found;
}

async function kernelFunctions(): Promise<ShownFunction[]> {
  const folder = join(ROOT, 'kernels');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).map((file) => join(folder, file));
  const found = await Promise.all(
    files.map(async (file) => {
      const source = await readFile(file, 'utf8');
      return functionsIn(source, file).map((found) => ({ ...found, kernels: kernelsIn(source, found.name) }));
    }),
  );
  return found.flat();
}
